#include "json.h"

#include <stdint.h>
#include <string.h>

struct printing {
    json_write *write;
    void *context;
};

static void put(const struct printing *p, const char *text)
{
    p->write(p->context, text, strlen(text));
}

static void put_number(const struct printing *p, const char *name, int64_t number)
{
    char text[JSON_NUMBER_SIZE];
    put(p, name);
    p->write(p->context, text, json_number(number, text));
}

static void put_bytes(const struct printing *p, const char *name, const void *bytes, size_t length)
{
    if (bytes) {
        json_write_bytes(p->write, p->context, name, bytes, length);
        return;
    }
    put(p, "\"");
    put(p, name);
    put(p, "\":null");
}

static void put_headers(const struct printing *p, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t length;
    put(p, ",\"headers\":[");
    bool some = rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; some && !rd_kafka_header_get_all(headers, i, &name, &value, &length); i++) {
        put(p, i > 0 ? ",{" : "{");
        put_bytes(p, "name", name, strlen(name));
        put(p, ",");
        put_bytes(p, "value", value, length);
        put(p, "}");
    }
    put(p, "],");
}

void json_print_message(const rd_kafka_message_t *message, json_write *write, void *context)
{
    const struct printing p = {write, context};
    int64_t timestamp = rd_kafka_message_timestamp(message, NULL);
    put(&p, "{\"topic\":\""); /* its characters need no escapes */
    put(&p, rd_kafka_topic_name(message->rkt));
    put_number(&p, "\",\"partition\":", message->partition);
    put_number(&p, ",\"offset\":", message->offset);
    if (timestamp >= 0)
        put_number(&p, ",\"timestamp\":", timestamp);
    else
        put(&p, ",\"timestamp\":null");
    put(&p, ",");
    put_bytes(&p, "key", message->key, message->key_len);
    put_headers(&p, message);
    put_bytes(&p, "value", message->payload, message->len);
    put(&p, "}");
}
