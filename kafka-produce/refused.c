#include "refused.h"

#include <stdlib.h>
#include <string.h>

/* A refused group costs more than an accepted one: a size that was too large is not tried often. */
enum { CAREFUL = 8 };

static void *copy_of(const void *bytes, size_t length)
{
    void *copy = malloc(length + 1); /* an empty one is not null */
    if (!copy)
        abort();
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

void refused_add(struct refused *r, uint64_t line, int64_t timestamp, const rd_kafka_message_t *message,
                 rd_kafka_headers_t *headers)
{
    if (r->end == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 64;
        r->items = realloc(r->items, r->capacity * sizeof *r->items);
        if (!r->items)
            abort();
    }
    struct message *copy = &r->items[r->end].message;
    r->items[r->end] = (struct refused_message){.line = line};
    if (message->key)
        copy->key = copy->own[0] = copy_of(message->key, message->key_len);
    if (message->payload)
        copy->value = copy->own[1] = copy_of(message->payload, message->len);
    copy->key_length = message->key_len;
    copy->value_length = message->len;
    copy->timestamp = timestamp;
    copy->headers = headers;
    r->end++;
}

size_t refused_count(const struct refused *r)
{
    return r->end - r->begin;
}

static int compare_lines(const void *a, const void *b)
{
    const struct refused_message *one = a, *other = b;
    return one->line < other->line ? -1 : one->line > other->line;
}

void refused_sort(struct refused *r)
{
    if (r->end > r->begin)
        qsort(r->items + r->begin, r->end - r->begin, sizeof *r->items, compare_lines);
}

const struct refused_message *refused_group(struct refused *r, size_t *count)
{
    size_t left = refused_count(r);
    if (r->size == 0)
        r->size = (left + 1) / 2;
    r->group = r->size < left ? r->size : left;
    r->last = 0;
    *count = r->group;
    return r->items + r->begin;
}

void refused_settle(struct refused *r, uint64_t line, bool taken)
{
    for (size_t i = 0; i < r->group; i++) {
        struct refused_message *item = &r->items[r->begin + (r->last + i) % r->group];
        if (item->line != line)
            continue;
        item->settled = true;
        if (!taken)
            r->careful = 0; /* it was at fault */
        r->last = (r->last + i) % r->group;
        return;
    }
}

void refused_end_group(struct refused *r)
{
    size_t group_end = r->begin + r->group, begin = group_end;
    for (size_t i = group_end; i-- > r->begin;)
        if (r->items[i].settled)
            message_free(&r->items[i].message);
        else
            r->items[--begin] = r->items[i];
    if (begin < group_end) {
        r->size = (group_end - begin + 1) / 2;
        r->careful = CAREFUL;
    } else if (r->careful == 0)
        r->size = 2 * r->group;
    else
        r->careful--;
    r->begin = begin;
    r->group = 0;
    if (r->begin == r->end)
        r->begin = r->end = r->size = 0;
}

void refused_free(struct refused *r)
{
    for (size_t i = r->begin; i < r->end; i++)
        message_free(&r->items[i].message);
    free(r->items);
    *r = (struct refused){0};
}
