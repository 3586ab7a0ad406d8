#include "format.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "json_indent.h"
#include "message_json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GREATEST_WIDTH = 1000000, NO_PRECISION = -1 };

struct printing;
struct item;

/* What follows a %. */
struct sequence {
    char letter;
    enum { PLAIN = 0, WIDTH = 1, ZEROS = 2, PRECISION = 4 } takes;
    void (*print)(struct printing *printing, const struct item *item);
    enum MQTTPropertyCodes property; /* for print_property */
};

/* A part of a format: a sequence after %, or a letter after @, or a literal. */
struct item {
    const struct sequence *sequence;
    char letter;
    bool left, zeros;
    int width, precision;
    const char *literal; /* in the format's text */
    size_t length;
};

struct format {
    bool indents; /* JSON */
    size_t count;
    char *text; /* a copy of the format string, escapes replaced in place */
    struct item items[];
};

/* A message that is being printed. */
struct printing {
    const struct mqtt_message *message;
    int64_t realtime; /* of arrival, ns */
    struct timespec arrived;
    format_write *write;
    void *context;
    bool indents; /* JSON */
};

/* ---- reading a format string ---- */

static const struct sequence *find_sequence(char letter);

static bool read_number(const char **at, int *number, struct error *error)
{
    *number = 0;
    for (; isdigit((unsigned char)**at); ++*at) {
        *number = *number * 10 + (**at - '0');
        if (*number > GREATEST_WIDTH)
            return error_set(error, "a width or precision is greater than %d", GREATEST_WIDTH);
    }
    return true;
}

/* *at is behind the %; it is moved behind the letter. */
static bool read_percent(const char **at, struct item *item, struct error *error)
{
    const char *start = *at;
    item->left = **at == '-';
    *at += item->left;
    item->zeros = **at == '0' && !item->left;
    if (!read_number(at, &item->width, error))
        return false;
    if (**at == '.') {
        ++*at;
        if (!read_number(at, &item->precision, error))
            return false;
    }
    if (**at == '\0')
        return error_set(error, "'%%%s' at the end is incomplete; a %% itself is %%%%", start);
    int length = (int)(*at - start) + 1;
    item->sequence = find_sequence(*(*at)++);
    if (!item->sequence)
        return error_set(error, "'%%%.*s' is unknown; a %% itself is %%%%", length, start);
    if (!(item->sequence->takes & WIDTH))
        item->width = 0;
    if (!(item->sequence->takes & PRECISION))
        item->precision = NO_PRECISION;
    item->zeros = item->zeros && item->sequence->takes & ZEROS;
    return true;
}

static bool read_at(const char **at, struct item *item, struct error *error)
{
    if (**at == '\0')
        return error_set(error, "'@' at the end is incomplete; an @ itself is @@");
    item->letter = *(*at)++;
    return true;
}

/* *at is behind the backslash. */
static bool read_escape(const char **at, char *character, struct error *error)
{
    static const char names[] = "\\0aenrtv", characters[] = "\\\0\a\033\n\r\t\v";
    if (**at == '\0')
        return error_set(error, "'\\' at the end is incomplete; a \\ itself is \\\\");
    const char *name = strchr(names, *(*at)++);
    if (!name)
        return error_set(error, "'\\%c' is unknown; a \\ itself is \\\\", (*at)[-1]);
    *character = characters[name - names];
    return true;
}

/* Appends a character to the text, and to the last item if that is a literal, else to a new one. */
static void add_literal(struct format *format, char **end, char character)
{
    struct item *last = format->count ? &format->items[format->count - 1] : NULL;
    if (!last || !last->literal) {
        last = &format->items[format->count++];
        *last = (struct item){.literal = *end};
    }
    *(*end)++ = character;
    last->length++;
}

static bool read_items(struct format *format, const char *at, struct error *error)
{
    char *end = format->text;
    while (*at) {
        struct item item = {.precision = NO_PRECISION};
        char introducer = *at++, literal = introducer;
        bool ok = true;
        if (introducer == '%')
            ok = read_percent(&at, &item, error);
        else if (introducer == '@')
            ok = read_at(&at, &item, error);
        else if (introducer == '\\')
            ok = read_escape(&at, &literal, error);
        if (!ok)
            return false;
        if (introducer == '%' || introducer == '@')
            format->items[format->count++] = item;
        else
            add_literal(format, &end, literal);
    }
    return true;
}

struct format *format_parse(const char *text, struct error *error)
{
    size_t length = strlen(text); /* no more items than characters */
    struct format *format = calloc(1, sizeof *format + length * sizeof *format->items);
    char *copy = malloc(length + 1);
    if (!format || !copy)
        out_of_memory(sizeof *format + length * sizeof *format->items + length + 1);
    format->text = copy;
    tzset(); /* localtime_r need not do it */
    if (read_items(format, text, error))
        return format;
    format_free(format);
    return NULL;
}

void format_free(struct format *format)
{
    if (!format)
        return;
    free(format->text);
    free(format);
}

/* ---- printing ---- */

static void write_repeated(struct printing *p, char character, size_t count)
{
    char run[256];
    memset(run, character, sizeof run);
    for (; count > 0; count -= count < sizeof run ? count : sizeof run)
        p->write(p->context, run, count < sizeof run ? count : sizeof run);
}

/* The padding before (or after) a field of `length` bytes. */
static void pad(struct printing *p, const struct item *item, size_t length, bool after)
{
    size_t width = (size_t)item->width;
    if (length < width && item->left == after)
        write_repeated(p, item->zeros ? '0' : ' ', width - length);
}

static void write_field(struct printing *p, const struct item *item, const void *data, size_t length)
{
    if (item->precision != NO_PRECISION && length > (size_t)item->precision)
        length = (size_t)item->precision;
    pad(p, item, length, false);
    if (length > 0)
        p->write(p->context, data, length);
    pad(p, item, length, true);
}

static void print_hexadecimal(struct printing *p, const struct item *item)
{
    const char *digits = item->sequence->letter == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
    const unsigned char *payload = p->message->payload;
    size_t left = p->message->payload_length;
    pad(p, item, 2 * p->message->payload_length, false);
    while (left > 0) {
        char text[1024];
        size_t count = left < sizeof text / 2 ? left : sizeof text / 2;
        for (size_t i = 0; i < count; i++) {
            text[2 * i] = digits[payload[i] >> 4];
            text[2 * i + 1] = digits[payload[i] & 15];
        }
        p->write(p->context, text, 2 * count);
        payload += count;
        left -= count;
    }
    pad(p, item, 2 * p->message->payload_length, true);
}

static void write_number(struct printing *p, const struct item *item, uint64_t number)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRIu64, number);
    write_field(p, item, text, (size_t)length);
}

static void write_time(struct printing *p, const struct item *item, const char *strftime_format)
{
    struct tm local;
    char text[128];
    localtime_r(&p->arrived.tv_sec, &local);
/* The user chooses the one character of the format. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t length = strftime(text, sizeof text, strftime_format, &local);
#pragma GCC diagnostic pop
    write_field(p, item, text, length);
}

static void print_nanoseconds(struct printing *p, const struct item *item)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%09ld", p->arrived.tv_nsec);
    write_field(p, item, text, (size_t)length);
}

static void print_unix_time(struct printing *p, const struct item *item)
{
    char text[40];
    int length = snprintf(text, sizeof text, "%jd.%09ld", (intmax_t)p->arrived.tv_sec, p->arrived.tv_nsec);
    write_field(p, item, text, (size_t)length);
}

/* The first property of that kind, as text or as a number; an empty field where there is none. */
static void print_property(struct printing *p, const struct item *item)
{
    enum MQTTPropertyCodes code = item->sequence->property;
    MQTTProperties *properties = (MQTTProperties *)p->message->properties; /* Paho only reads it */
    MQTTProperty *property = MQTTProperties_getProperty(properties, code);
    int type = MQTTProperty_getType(code);
    if (!property)
        write_field(p, item, "", 0);
    else if (type == MQTTPROPERTY_TYPE_UTF_8_ENCODED_STRING || type == MQTTPROPERTY_TYPE_BINARY_DATA)
        write_field(p, item, property->value.data.data, (size_t)property->value.data.len);
    else
        write_number(p, item, (uint32_t)MQTTProperties_getNumericValue(properties, code));
}

static void print_user_properties(struct printing *p, const struct item *item)
{
    (void)item;
    const MQTTProperties *properties = p->message->properties;
    const char *separator = "";
    for (int i = 0; i < properties->count; i++) {
        const MQTTProperty *property = &properties->array[i];
        if (property->identifier != MQTTPROPERTY_CODE_USER_PROPERTY)
            continue;
        p->write(p->context, separator, strlen(separator));
        p->write(p->context, property->value.data.data, (size_t)property->value.data.len);
        p->write(p->context, ":", 1);
        p->write(p->context, property->value.value.data, (size_t)property->value.value.len);
        separator = " ";
    }
}

static void print_unquoted_json(struct printing *p, const struct item *item)
{
    (void)item;
    static struct log_limit not_json = {.interval = 30 * SECOND};
    const struct mqtt_message *m = p->message;
    struct json_indent indent = {.write = p->write, .context = p->context};
    bool printed = p->indents ? message_json_print_unquoted(m, p->realtime, json_indent, &indent)
                              : message_json_print_unquoted(m, p->realtime, p->write, p->context);
    if (!printed)
        log_limited(
            &not_json, LOG_LEVEL_WARNING, message_not_json,
            LOG_FIELDS(LOG_TEXT("topic", m->topic), LOG_NUMBER("bytes", m->payload_length)),
            "a message on the topic '%s' is not printed as %%J: its payload of %zu bytes is not JSON (%%j takes any)",
            m->topic, m->payload_length);
}

static void print_quoted_json(struct printing *p, const struct item *item)
{
    (void)item;
    struct json_indent indent = {.write = p->write, .context = p->context};
    if (p->indents)
        message_json_print_quoted(p->message, p->realtime, json_indent, &indent);
    else
        message_json_print_quoted(p->message, p->realtime, p->write, p->context);
}

static void print_percent(struct printing *p, const struct item *item)
{
    write_field(p, item, "%", 1);
}

static void print_iso_time(struct printing *p, const struct item *item)
{
    write_time(p, item, "%Y-%m-%dT%H:%M:%S%z");
}

static void print_payload(struct printing *p, const struct item *item)
{
    write_field(p, item, p->message->payload, p->message->payload_length);
}

static void print_topic(struct printing *p, const struct item *item)
{
    write_field(p, item, p->message->topic, p->message->topic_length);
}

static void print_length(struct printing *p, const struct item *item)
{
    write_number(p, item, p->message->payload_length);
}

static void print_packet_id(struct printing *p, const struct item *item)
{
    write_number(p, item, p->message->packet_id);
}

static void print_qos(struct printing *p, const struct item *item)
{
    write_number(p, item, p->message->qos);
}

static void print_retained(struct printing *p, const struct item *item)
{
    write_number(p, item, p->message->retained);
}

static const struct sequence sequences[] = {
    {'%', PLAIN, print_percent, 0},
    {'A', WIDTH | ZEROS, print_property, MQTTPROPERTY_CODE_TOPIC_ALIAS},
    {'C', WIDTH | PRECISION, print_property, MQTTPROPERTY_CODE_CONTENT_TYPE},
    {'D', PLAIN, print_property, MQTTPROPERTY_CODE_CORRELATION_DATA},
    {'E', WIDTH | ZEROS, print_property, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL},
    {'F', WIDTH | ZEROS, print_property, MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR},
    {'I', WIDTH | PRECISION, print_iso_time, 0},
    {'J', PLAIN, print_unquoted_json, 0},
    {'P', PLAIN, print_user_properties, 0},
    {'R', WIDTH | PRECISION, print_property, MQTTPROPERTY_CODE_RESPONSE_TOPIC},
    {'S', WIDTH | ZEROS, print_property, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER},
    {'U', PLAIN, print_unix_time, 0},
    {'X', WIDTH | ZEROS, print_hexadecimal, 0},
    {'j', PLAIN, print_quoted_json, 0},
    {'l', WIDTH | ZEROS, print_length, 0},
    {'m', WIDTH | ZEROS, print_packet_id, 0},
    {'p', WIDTH | ZEROS, print_payload, 0},
    {'q', PLAIN, print_qos, 0},
    {'r', PLAIN, print_retained, 0},
    {'t', WIDTH | PRECISION, print_topic, 0},
    {'x', WIDTH | ZEROS, print_hexadecimal, 0},
};

static const struct sequence *find_sequence(char letter)
{
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++)
        if (sequences[i].letter == letter)
            return &sequences[i];
    return NULL;
}

static void print_at(struct printing *p, const struct item *item)
{
    const char strftime_format[] = {'%', item->letter, '\0'};
    if (item->letter == '@')
        write_field(p, item, "@", 1);
    else if (item->letter == 'N')
        print_nanoseconds(p, item);
    else
        write_time(p, item, strftime_format);
}

bool format_indent_json(struct format *format)
{
    for (size_t i = 0; i < format->count; i++) {
        const struct sequence *sequence = format->items[i].sequence;
        format->indents |= sequence && (sequence->letter == 'j' || sequence->letter == 'J');
    }
    return format->indents;
}

void format_print(const struct format *format, const struct mqtt_message *message, int64_t realtime,
                  format_write *write, void *context)
{
    struct printing printing = {
        .message = message,
        .realtime = realtime,
        .arrived = {.tv_sec = realtime / SECOND, .tv_nsec = realtime % SECOND},
        .write = write,
        .context = context,
        .indents = format->indents,
    };
    for (size_t i = 0; i < format->count; i++) {
        const struct item *item = &format->items[i];
        if (item->literal)
            write(context, item->literal, item->length);
        else if (item->sequence)
            item->sequence->print(&printing, item);
        else
            print_at(&printing, item);
    }
}
