#include "message.h"

#include "core/json_text.h"

#include <stdlib.h>
#include <string.h>

void message_add_header(rd_kafka_headers_t *headers, const char *name, size_t name_length, const void *value,
                        size_t value_length)
{
    if (rd_kafka_header_add(headers, name, (ssize_t)name_length, value, (ssize_t)value_length))
        abort();
}

static void split(const struct message_format *format, const char *line, size_t length,
                  struct message *message)
{
    const char *at = format->key_delimiter
                         ? memmem(line, length, format->key_delimiter, format->key_delimiter_length)
                         : NULL;
    if (at) {
        message->key = line;
        message->key_length = (size_t)(at - line);
        at += format->key_delimiter_length;
    } else
        at = line;
    message->value = at;
    message->value_length = (size_t)(line + length - at);
    if (!format->empty_is_null)
        return;
    if (message->key_length == 0)
        message->key = NULL;
    if (message->value_length == 0)
        message->value = NULL;
}

/* ---- JSON ---- */

/* A header whose name is in name_length bytes; its value is json_get_bytes' of `object`. */
static bool read_header(rd_kafka_headers_t *headers, const char *name, size_t name_length,
                        const json_t *object, struct error *error)
{
    void *value = NULL;
    size_t length = 0;
    enum json_bytes_result result = json_get_bytes(object, "value", &value, &length, error);
    if (result == JSON_BYTES_WRONG)
        return error_set(error, "in a header, %s", error->text);
    message_add_header(headers, name, name_length, value, length);
    free(value);
    return true;
}

static bool read_header_object(rd_kafka_headers_t *headers, const json_t *object, struct error *error)
{
    void *name;
    size_t length;
    if (!json_is_object(object))
        return error_set(error, "a header is not an object");
    switch (json_get_bytes(object, "name", &name, &length, error)) {
    case JSON_BYTES_WRONG:
        return error_set(error, "in a header, %s", error->text);
    case JSON_BYTES_ABSENT:
        return error_set(error, "a header has no \"name\"");
    case JSON_BYTES_FOUND:
        break;
    }
    /* Kafka would accept it, and librdkafka's consumers show only what is before the NUL. */
    bool ok = !memchr(name, '\0', length) || error_set(error, "a header's name has a NUL byte");
    ok = ok && read_header(headers, name, length, object, error);
    free(name);
    return ok;
}

/* {"name":"value",...}, the short form. */
static bool read_header_pairs(rd_kafka_headers_t *headers, json_t *pairs, struct error *error)
{
    const char *name;
    json_t *value;
    bool ok = true;
    json_object_foreach(pairs, name, value)
    {
        json_t *object = json_pack("{sO}", "value", value);
        ok = ok && object && read_header(headers, name, strlen(name), object, error);
        json_decref(object);
    }
    return ok;
}

static bool read_headers(struct message *message, json_t *headers, struct error *error)
{
    bool ok = true;
    if (!headers || json_is_null(headers))
        return true;
    if (!json_is_array(headers) && !json_is_object(headers))
        return error_set(error, "\"headers\" is neither a list nor an object");
    if (!(message->headers = rd_kafka_headers_new(8)))
        abort();
    if (json_is_object(headers))
        return read_header_pairs(message->headers, headers, error);
    for (size_t i = 0; ok && i < json_array_size(headers); i++)
        ok = read_header_object(message->headers, json_array_get(headers, i), error);
    return ok;
}

/* Reads the member into *bytes, NULL where it is null, and leaves *own to be freed. */
static bool read_bytes(const json_t *object, const char *name, const void **bytes, size_t *length, void **own,
                       struct error *error)
{
    if (json_get_bytes(object, name, own, length, error) == JSON_BYTES_WRONG)
        return false;
    *bytes = *own;
    return true;
}

static bool read_timestamp(struct message *message, const json_t *timestamp, struct error *error)
{
    if (!timestamp || json_is_null(timestamp))
        return true;
    int64_t ms = json_is_integer(timestamp) ? json_integer_value(timestamp) : -1;
    message->timestamp =
        ms == 0 ? 1 : ms; /* for librdkafka 0 is the present time: send the nearest other one */
    return ms >= 0 || error_set(error, "\"timestamp\" is not a whole number of milliseconds since 1970");
}

/* A misspelt name must not turn a message into a tombstone. */
static bool check_names(json_t *object, struct error *error)
{
    static const char *const known[] = {"key",       "key_base64", "value",     "value_base64", "headers",
                                        "timestamp", "topic",      "partition", "offset"};
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(name, known[i]) != 0)
            i++;
        if (i == sizeof known / sizeof *known)
            return error_set(error, "\"%s\" is unknown", name);
    }
    return json_object_get(object, "value") || json_object_get(object, "value_base64") ||
           error_set(error, "\"value\" is missing (null makes a tombstone)");
}

static bool read_object(const char *line, size_t length, struct message *message, struct error *error)
{
    json_error_t reason;
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason);
    if (!object)
        return error_set(error, "it is not a JSON object: %s (at byte %d)", reason.text, reason.position);
    bool ok = json_is_object(object) || error_set(error, "it is not a JSON object");
    ok = ok && check_names(object, error);
    ok = ok && read_bytes(object, "key", &message->key, &message->key_length, &message->own[0], error);
    ok = ok && read_bytes(object, "value", &message->value, &message->value_length, &message->own[1], error);
    ok = ok && read_headers(message, json_object_get(object, "headers"), error);
    ok = ok && read_timestamp(message, json_object_get(object, "timestamp"), error);
    json_decref(object);
    return ok;
}

bool message_read(const struct message_format *format, const char *line, size_t length,
                  struct message *message, struct error *error)
{
    *message = (struct message){0};
    if (!format->json)
        split(format, line, length, message);
    else if (!read_object(line, length, message, error)) {
        message_free(message);
        return false;
    }
    return true;
}

void message_free(struct message *message)
{
    free(message->own[0]);
    free(message->own[1]);
    if (message->headers)
        rd_kafka_headers_destroy(message->headers);
}
