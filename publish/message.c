#include "message.h"

#include "core/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Date, time, two numbers, an integer and the punctuation of any format. */
enum { VARIABLE_MAX = 256 };

/* What stands around the value in each message of a column. */
struct frame {
    char *before, *after;
    size_t before_length, after_length;
};

struct message_writer {
    enum message_format format;
    size_t count, max;
    struct frame *frames; /* one a column */
};

const char *const message_formats[] = {"json", "csv", "senml", NULL};

const char *message_content_type(enum message_format format)
{
    static const char *const types[] = {"application/json", "text/csv", "application/senml+json"};
    return types[format];
}

int64_t message_earliest(enum message_format format)
{
    return format == MESSAGE_SENML ? (INT64_C(1) << 28) * SECOND : INT64_MIN;
}

bool message_senml_name(const char *name)
{
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:./_";
    return *name && !strchr("-:./_", *name) && name[strspn(name, all)] == '\0';
}

/* ---- what is made once ---- */

/* The text as a JSON string with its quotes, or NULL when memory is exhausted. */
static char *json_text(const char *text)
{
    json_t *string = json_string(text);
    char *json = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    json_decref(string);
    return json;
}

/* A formatted text of its own, or NULL when memory is exhausted. */
__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return length < 0 ? NULL : text;
}

/* From the time to the value. sensor and unit are JSON strings, unit "" where there is none. */
static char *before_value(enum message_format format, const char *sensor, const char *unit, int64_t node)
{
    int inner = (int)strlen(sensor) - 2; /* without the quotes */
    switch (format) {
    case MESSAGE_JSON:
        return text_of(",\"sensor\":%s,\"node\":%" PRId64 ",\"value\":", sensor, node);
    case MESSAGE_CSV:
        return text_of(", ");
    case MESSAGE_SENML:
        return text_of("[{\"n\":\"%.*s/%" PRId64 "\"%s%s,\"t\":", inner, sensor + 1, node,
                       *unit ? ",\"u\":" : "", unit);
    }
    abort();
}

/* What follows the value, up to the occupancy. */
static char *after_value(enum message_format format, const char *unit, int64_t node)
{
    switch (format) {
    case MESSAGE_JSON:
        return text_of("%s%s", *unit ? ",\"unit\":" : "", unit);
    case MESSAGE_CSV:
        return text_of(", %" PRId64, node);
    case MESSAGE_SENML:
        return text_of("}]");
    }
    abort();
}

static bool make_frame(struct message_writer *writer, struct frame *frame, const char *sensor,
                       const char *unit, int64_t node)
{
    frame->before = before_value(writer->format, sensor, unit, node);
    frame->after = after_value(writer->format, unit, node);
    if (!frame->before || !frame->after)
        return false;
    frame->before_length = strlen(frame->before);
    frame->after_length = strlen(frame->after);
    size_t length = frame->before_length + frame->after_length + VARIABLE_MAX;
    if (length > writer->max)
        writer->max = length;
    return true;
}

struct message_writer *message_writer_new(enum message_format format, const char *sensor, const char *unit,
                                          const struct columns *columns)
{
    struct message_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->format = format;
    writer->frames = calloc(columns->count, sizeof *writer->frames);
    char *sensor_text = json_text(sensor), *unit_text = unit ? json_text(unit) : strdup("");
    bool ok = writer->frames && sensor_text && unit_text;
    for (; ok && writer->count < columns->count; writer->count++)
        ok = make_frame(writer, &writer->frames[writer->count], sensor_text, unit_text,
                        columns->items[writer->count].node);
    free(sensor_text);
    free(unit_text);
    if (ok)
        return writer;
    message_writer_free(writer);
    return NULL;
}

void message_writer_free(struct message_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++) {
        free(writer->frames[i].before);
        free(writer->frames[i].after);
    }
    free(writer->frames);
    free(writer);
}

size_t message_writer_max(const struct message_writer *writer)
{
    return writer->max;
}

/* ---- what is made for each message ---- */

static char *put(char *at, const char *text, size_t length)
{
    return (char *)memcpy(at, text, length) + length;
}

static char *put_number(char *at, const struct number *number)
{
    return put(at, number->text, number->length);
}

static char *put_unsigned(char *at, uint64_t value)
{
    char digits[20];
    size_t start = sizeof digits;
    do
        digits[--start] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return put(at, digits + start, sizeof digits - start);
}

/* YYYY-MM-DDTHH:MM:SS. */
static char *put_iso_time(char *at, const struct recorded_time *time)
{
    char *end = put(at, time->date, sizeof time->date);
    at[4] = at[7] = '-';
    end = put(end, "T", 1);
    end = put(end, time->clock, time->clock_length);
    return time->utc ? put(end, "Z", 1) : end;
}

static char *put_json(char *at, const struct frame *frame, const struct message *message)
{
    at = put(at, "{\"time\":\"", 9);
    at = put_iso_time(at, &message->time);
    at = put(at, "\"", 1);
    at = put(at, frame->before, frame->before_length);
    at = put_number(at, &message->value);
    at = put(at, frame->after, frame->after_length);
    if (message->occupancy.length > 0)
        at = put_number(put(at, ",\"occupancy\":", 13), &message->occupancy);
    at = put(at, ",\"seq\":", 7);
    at = put_unsigned(at, message->seq);
    return put(at, "}", 1);
}

static char *put_csv(char *at, const struct frame *frame, const struct message *message)
{
    at = put(at, message->time.date, sizeof message->time.date);
    at = put(at, ", ", 2);
    at = put(at, message->time.clock, message->time.clock_length);
    at = put(at, frame->before, frame->before_length);
    at = put_number(at, &message->value);
    at = put(at, frame->after, frame->after_length);
    return message->occupancy.length > 0 ? put_number(put(at, ", ", 2), &message->occupancy) : at;
}

/* Not before message_earliest(). */
static char *put_epoch(char *at, const struct recorded_time *time)
{
    at = put_unsigned(at, (uint64_t)(time->ns / SECOND));
    return put(at, time->clock + 8, time->clock_length - 8); /* the decimals are the same */
}

static char *put_senml(char *at, const struct frame *frame, const struct message *message)
{
    at = put(at, frame->before, frame->before_length);
    at = put_epoch(at, &message->time);
    at = put(at, ",\"v\":", 5);
    at = put_number(at, &message->value);
    return put(at, frame->after, frame->after_length);
}

size_t message_write(const struct message_writer *writer, const struct message *message, char *out)
{
    const struct frame *frame = &writer->frames[message->column];
    switch (writer->format) {
    case MESSAGE_JSON:
        return (size_t)(put_json(out, frame, message) - out);
    case MESSAGE_CSV:
        return (size_t)(put_csv(out, frame, message) - out);
    case MESSAGE_SENML:
        return (size_t)(put_senml(out, frame, message) - out);
    }
    abort();
}
