#include "record.h"

#include "core/clock.h"
#include "core/out_of_memory.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { OWN_HEADERS = 4, NUMBER_SIZE = 24 };

void record_space_free(struct record_space *buffer)
{
    free(buffer->headers);
    free(buffer->letter.data);
}

static struct header *header_at(struct record_space *buffer, size_t index)
{
    if (index >= buffer->room) {
        buffer->room = 2 * index + 8;
        buffer->headers = realloc(buffer->headers, buffer->room * sizeof *buffer->headers);
        if (!buffer->headers)
            out_of_memory(buffer->room * sizeof *buffer->headers);
    }
    return &buffer->headers[index];
}

struct record record_from_kafka(struct record_space *buffer, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t length, count = 0;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (; rd_kafka_header_get_all(headers, count, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR;
             count++)
            *header_at(buffer, count) = (struct header){name, strlen(name), value, value ? length : 0};
    return (struct record){
        .topic = rd_kafka_topic_name(message->rkt),
        .partition = message->partition,
        .offset = message->offset,
        .timestamp = rd_kafka_message_timestamp(message, &type),
        .key = {message->key, message->key ? message->key_len : 0},
        .value = {message->payload, message->payload ? message->len : 0},
        .headers = buffer->headers,
        .header_count = count,
    };
}

/* ---- letters ---- */

static uint64_t letter_id(const struct record *record)
{
    XXH64_state_t *state = XXH64_createState();
    if (!state)
        out_of_memory(sizeof record);
    XXH64_reset(state, 0);
    XXH64_update(state, record->topic, strlen(record->topic) + 1);
    XXH64_update(state, &record->partition, sizeof record->partition);
    XXH64_update(state, &record->offset, sizeof record->offset);
    uint64_t id = XXH64_digest(state) & INT64_MAX;
    XXH64_freeState(state);
    return id ? id : 1;
}

static void add_header(struct header_list *list, const char *name, const void *value, size_t length)
{
    const struct header header = {name, strlen(name), value, length};
    header_list_add(list, &header);
}

static void add_number(struct header_list *list, const char *name, int64_t number)
{
    char text[NUMBER_SIZE];
    int length = snprintf(text, sizeof text, "%" PRId64, number);
    add_header(list, name, text, (size_t)length);
}

struct spool_record record_to_letter(struct record_space *buffer, const struct record *record, uint8_t flags,
                                     const char *reason)
{
    struct header_list *list = &buffer->letter;
    list->length = 0;
    add_number(list, "kafka.partition", record->partition);
    add_number(list, "kafka.offset", record->offset);
    add_number(list, "kafka.timestamp", record->timestamp);
    add_header(list, record->key.data ? "kafka.key" : "kafka.no-key", record->key.data, record->key.length);
    for (size_t i = 0; i < record->header_count; i++)
        header_list_add(list, &record->headers[i]);
    return (struct spool_record){
        .id = letter_id(record),
        .time = clock_realtime(),
        .kind = SPOOL_MESSAGE,
        .flags = flags,
        .topic = {record->topic, strlen(record->topic)},
        .properties = {list->data, list->length},
        .payload = record->value,
        .reason = {reason, strlen(reason)},
    };
}

static bool is_named(const struct header *header, const char *name)
{
    return header->name_length == strlen(name) && memcmp(header->name, name, header->name_length) == 0;
}

static bool read_number(const struct header *header, const char *name, int64_t *number)
{
    char text[NUMBER_SIZE];
    if (!is_named(header, name) || header->value_length >= sizeof text)
        return false;
    memcpy(text, header->value, header->value_length);
    text[header->value_length] = '\0';
    return text_to_integer(text, number);
}

bool record_from_letter(struct record_space *buffer, const struct spool_record *letter, struct record *record)
{
    struct spool_bytes rest = letter->properties;
    size_t count = 0;
    int64_t partition;
    while (header_next(&rest, header_at(buffer, count)))
        count++;
    const struct header *own = buffer->headers;
    if (count < OWN_HEADERS || letter->topic.length >= sizeof buffer->topic ||
        !read_number(&own[0], "kafka.partition", &partition) ||
        !read_number(&own[1], "kafka.offset", &record->offset) ||
        !read_number(&own[2], "kafka.timestamp", &record->timestamp))
        return false;
    memcpy(buffer->topic, letter->topic.data, letter->topic.length);
    buffer->topic[letter->topic.length] = '\0';
    record->topic = buffer->topic;
    record->partition = (int32_t)partition;
    record->key = is_named(&own[3], "kafka.key") ? (struct spool_bytes){own[3].value, own[3].value_length}
                                                 : (struct spool_bytes){NULL, 0};
    record->value = letter->payload;
    record->headers = own + OWN_HEADERS;
    record->header_count = count - OWN_HEADERS;
    return true;
}

const struct header *record_header(const struct record *record, const char *name, size_t length)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (record->headers[i].name_length == length && memcmp(record->headers[i].name, name, length) == 0)
            return &record->headers[i];
    return NULL;
}
