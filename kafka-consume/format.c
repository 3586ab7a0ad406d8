#include "format.h"

#include "core/out_of_memory.h"
#include "core/text.h"
#include "json.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct printing;

/* A part of a format. */
struct item {
    void (*print)(struct printing *printing); /* NULL: the literal */
    const char *literal;                      /* in the format's text */
    size_t length;
};

struct format {
    bool show_null;
    size_t count;
    char *text; /* what literals point into */
    struct item items[];
};

/* A message that is being printed. */
struct printing {
    const struct format *format;
    const rd_kafka_message_t *message;
    json_write *write;
    void *context;
};

/* ---- printing ---- */

static void put(struct printing *p, const void *data, size_t length)
{
    if (length > 0)
        p->write(p->context, data, length);
}

static void put_bytes(struct printing *p, const void *data, size_t length)
{
    if (data)
        put(p, data, length);
    else if (p->format->show_null)
        put(p, "NULL", 4);
}

static void put_number(struct printing *p, int64_t number)
{
    char text[JSON_NUMBER_SIZE];
    put(p, text, json_number(number, text));
}

static void print_value(struct printing *p)
{
    put_bytes(p, p->message->payload, p->message->len);
}

static void print_value_length(struct printing *p)
{
    put_number(p, p->message->payload ? (int64_t)p->message->len : -1);
}

static void print_binary_value_length(struct printing *p)
{
    uint32_t number = htonl(p->message->payload ? (uint32_t)p->message->len : UINT32_MAX);
    put(p, &number, sizeof number);
}

static void print_key(struct printing *p)
{
    put_bytes(p, p->message->key, p->message->key_len);
}

static void print_key_length(struct printing *p)
{
    put_number(p, p->message->key ? (int64_t)p->message->key_len : -1);
}

static void print_topic(struct printing *p)
{
    const char *topic = rd_kafka_topic_name(p->message->rkt);
    put(p, topic, strlen(topic));
}

static void print_partition(struct printing *p)
{
    put_number(p, p->message->partition);
}

static void print_offset(struct printing *p)
{
    put_number(p, p->message->offset);
}

static void print_timestamp(struct printing *p)
{
    put_number(p, rd_kafka_message_timestamp(p->message, NULL));
}

static void print_headers(struct printing *p)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t length;
    if (rd_kafka_message_headers(p->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &length); i++) {
        put(p, ",", i > 0);
        put(p, name, strlen(name));
        put(p, "=", 1);
        if (value)
            put(p, value, length);
        else
            put(p, "NULL", 4);
    }
}

static void print_json(struct printing *p)
{
    json_print_message(p->message, p->write, p->context);
}

void format_print(const struct format *format, const rd_kafka_message_t *message, json_write *write,
                  void *context)
{
    struct printing printing = {format, message, write, context};
    for (const struct item *item = format->items; item < format->items + format->count; item++)
        if (item->print)
            item->print(&printing);
        else
            put(&printing, item->literal, item->length);
}

/* ---- the sequences of a format string: one more is a line here, and in the texts of format.h and settings.c
 */

static const struct {
    char letter;
    void (*print)(struct printing *printing);
} sequences[] = {
    {'s', print_value},      {'S', print_value_length}, {'R', print_binary_value_length}, {'k', print_key},
    {'K', print_key_length}, {'t', print_topic},        {'p', print_partition},           {'o', print_offset},
    {'T', print_timestamp},  {'h', print_headers},
};

/* ---- reading ---- */

/* With room for that many items and bytes of literals. */
static struct format *new_format(size_t items, size_t bytes, bool show_null)
{
    struct format *format = calloc(1, sizeof *format + items * sizeof *format->items);
    char *text = malloc(bytes + 1);
    if (!format || !text)
        out_of_memory(sizeof *format + items * sizeof *format->items + bytes + 1);
    format->text = text;
    format->show_null = show_null;
    return format;
}

static void add_item(struct format *format, void (*print)(struct printing *printing))
{
    format->items[format->count++] = (struct item){.print = print};
}

/* Appends the text's bytes, escapes replaced. *end is where the format's text ends so far. */
static bool add_literal(struct format *format, char **end, const char *text, struct error *error)
{
    struct item item = {.literal = *end};
    if (!text_unescape(text, *end, &item.length))
        return error_set(error, "'%s': the escapes are \\n \\r \\t \\0 \\\\ and \\xHH", text);
    *end += item.length;
    if (item.length > 0)
        format->items[format->count++] = item;
    return true;
}

/* `letter` follows a %. */
static bool add_sequence(struct format *format, char letter, struct error *error)
{
    if (letter == '%') {
        format->items[format->count++] = (struct item){.literal = "%", .length = 1};
        return true;
    }
    if (letter == '\0')
        return error_set(error, "'%%' at the end is incomplete; a %% itself is %%%%");
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++)
        if (sequences[i].letter == letter) {
            add_item(format, sequences[i].print);
            return true;
        }
    return error_set(error, "'%%%c' is unknown; a %% itself is %%%%", letter);
}

/* Replaces the sequences of `text`, in which it may write. */
static bool read_items(struct format *format, char *text, struct error *error)
{
    char *end = format->text;
    for (char *percent; (percent = strchr(text, '%')) != NULL; text = percent + 2) {
        *percent = '\0';
        if (!add_literal(format, &end, text, error) || !add_sequence(format, percent[1], error))
            return false;
    }
    return add_literal(format, &end, text, error);
}

/* The format if all of it was read, else NULL. */
static struct format *finish(struct format *format, bool ok)
{
    if (ok)
        return format;
    format_free(format);
    return NULL;
}

struct format *format_parse(const char *text, bool show_null, struct error *error)
{
    size_t length = strlen(text);
    struct format *format = new_format(length + 1, length, show_null);
    char *copy = text_copy(text);
    bool ok = read_items(format, copy, error);
    free(copy);
    return finish(format, ok);
}

struct format *format_lines(const char *key_delimiter, const char *delimiter, bool show_null,
                            struct error *error)
{
    size_t length = strlen(delimiter) + (key_delimiter ? strlen(key_delimiter) : 0);
    struct format *format = new_format(4, length, show_null);
    char *end = format->text;
    bool ok = true;
    if (key_delimiter) {
        add_item(format, print_key);
        ok = add_literal(format, &end, key_delimiter, error);
    }
    add_item(format, print_value);
    return finish(format, ok && add_literal(format, &end, delimiter, error));
}

struct format *format_json(const char *delimiter, struct error *error)
{
    struct format *format = new_format(2, strlen(delimiter), false);
    char *end = format->text;
    add_item(format, print_json);
    return finish(format, add_literal(format, &end, delimiter, error));
}

void format_free(struct format *format)
{
    if (!format)
        return;
    free(format->text);
    free(format);
}
