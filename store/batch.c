#include "batch.h"

#include "core/out_of_memory.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { CHUNK_SIZE = 128 * 1024, KEPT_CHUNKS = 12 };

struct batch_chunk {
    struct batch_chunk *older;
    size_t size, used;
    char bytes[];
};

static void *grow(void *items, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return items;
    *room = *room ? 2 * *room : 16;
    void *larger = realloc(items, *room * size);
    if (!larger)
        out_of_memory(*room * size);
    return larger;
}

struct batch *batch_new(void)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        out_of_memory(sizeof *batch);
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    batch_clear(batch);
    for (struct batch_chunk *chunk = batch->chunks, *older; chunk; chunk = older) {
        older = chunk->older;
        free(chunk);
    }
    free(batch->parts);
    free(batch->messages);
    free(batch->readings);
    free(batch);
}

void batch_clear(struct batch *batch)
{
    struct batch_chunk *kept = NULL;
    size_t count = 0;
    for (struct batch_chunk *chunk = batch->chunks, *older; chunk; chunk = older) {
        older = chunk->older;
        if (chunk->size != CHUNK_SIZE || count == KEPT_CHUNKS) {
            free(chunk);
            continue;
        }
        count++;
        chunk->used = 0;
        chunk->older = kept;
        kept = chunk;
    }
    batch->chunks = kept;
    batch->part_count = batch->message_count = batch->reading_count = batch->bytes = 0;
    batch->oldest = 0;
}

struct part *batch_part(struct batch *batch, size_t id, const char *topic, int32_t partition,
                        int64_t expected)
{
    if (batch->recent < batch->part_count && batch->parts[batch->recent].id == id)
        return &batch->parts[batch->recent];
    for (batch->recent = 0; batch->recent < batch->part_count; batch->recent++)
        if (batch->parts[batch->recent].id == id)
            return &batch->parts[batch->recent];
    batch->parts = grow(batch->parts, &batch->part_room, batch->part_count, sizeof *batch->parts);
    struct part *part = &batch->parts[batch->part_count++];
    *part = (struct part){
        .id = id, .topic = topic, .partition = partition, .expected = expected, .next = expected};
    return part;
}

struct message *batch_message(struct batch *batch)
{
    batch->messages =
        grow(batch->messages, &batch->message_room, batch->message_count, sizeof *batch->messages);
    struct message *message = &batch->messages[batch->message_count++];
    *message = (struct message){.first = batch->reading_count};
    return message;
}

struct reading *batch_reading(struct batch *batch)
{
    batch->readings =
        grow(batch->readings, &batch->reading_room, batch->reading_count, sizeof *batch->readings);
    struct reading *reading = &batch->readings[batch->reading_count++];
    *reading = (struct reading){0};
    batch->messages[batch->message_count - 1].count++;
    return reading;
}

/* A copy for the reason, which quotes the message: what a database's text cannot hold, or a terminal would
 * obey, becomes '?'. */
static const char *readable(struct batch *batch, const char *text)
{
    char *copy = (char *)batch_copy(batch, text, strlen(text)).at;
    for (char *at = copy; *at;) {
        size_t length = utf8_length(at);
        if (length == 0 || (unsigned char)*at < 0x20)
            *at = '?';
        at += length ? length : 1;
    }
    return copy;
}

void batch_reject(struct batch *batch, struct message *message, const char *reason)
{
    if (message == &batch->messages[batch->message_count - 1])
        batch->reading_count = message->first;
    message->kind = MESSAGE_REJECT;
    message->count = 0;
    message->reason = readable(batch, reason);
}

static struct batch_chunk *add_chunk(struct batch *batch, size_t size)
{
    struct batch_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        out_of_memory(size);
    /* One of its own for something large goes behind the newest, which still has room. */
    struct batch_chunk **link = size != CHUNK_SIZE && batch->chunks ? &batch->chunks->older : &batch->chunks;
    *chunk = (struct batch_chunk){.older = *link, .size = size};
    *link = chunk;
    return chunk;
}

/* A chunk that has room. Chunks of an earlier use are empty and lie behind the newest. */
static struct batch_chunk *find_room(struct batch *batch, size_t size)
{
    struct batch_chunk *chunk = batch->chunks;
    if (size > CHUNK_SIZE / 4)
        return add_chunk(batch, size);
    if (chunk && chunk->size - chunk->used >= size)
        return chunk;
    for (struct batch_chunk **link = &batch->chunks; (chunk = *link); link = &chunk->older)
        if (chunk->used == 0) {
            *link = chunk->older;
            chunk->older = batch->chunks;
            return batch->chunks = chunk;
        }
    return add_chunk(batch, CHUNK_SIZE);
}

struct bytes batch_copy(struct batch *batch, const void *bytes, size_t length)
{
    if (!bytes)
        return (struct bytes){0};
    struct batch_chunk *chunk = find_room(batch, length + 1);
    char *copy = chunk->bytes + chunk->used;
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    chunk->used += length + 1;
    return (struct bytes){copy, length};
}

int64_t batch_mark(int64_t timestamp, struct bytes key, struct bytes payload)
{
    XXH64_hash_t hash = XXH64(&timestamp, sizeof timestamp, 0);
    hash = XXH64(key.at, key.length, hash);
    hash = XXH64(payload.at, payload.length, hash);
    int64_t mark = (int64_t)hash;
    return mark ? mark : 1;
}
