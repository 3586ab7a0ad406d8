#include "format.h"

#include "core/text.h"
#include "json.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { LITERAL = 0, JSON = 'J' }; /* beside the letters of a format string */

struct item {
    char letter;
    const char *literal; /* in the format's text */
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

/* ---- parsing ---- */

/* With room for that many items and bytes of literals. */
static struct format *new_format(size_t items, size_t bytes, bool show_null, struct error *error)
{
    struct format *format = calloc(1, sizeof *format + items * sizeof *format->items);
    char *text = malloc(bytes + 1);
    if (format && text) {
        format->text = text;
        format->show_null = show_null;
        return format;
    }
    error_set(error, "out of memory");
    free(format);
    free(text);
    return NULL;
}

static void add_item(struct format *format, char letter)
{
    format->items[format->count++] = (struct item){.letter = letter};
}

/* Appends the text's bytes, escapes replaced. *end is where the format's text ends so far. */
static bool add_literal(struct format *format, char **end, const char *text, struct error *error)
{
    struct item item = {.letter = LITERAL, .literal = *end};
    if (!text_unescape(text, *end, &item.length))
        return error_set(error, "'%s': the escapes are \\n \\r \\t \\0 \\\\ and \\xHH", text);
    *end += item.length;
    if (item.length > 0)
        format->items[format->count++] = item;
    return true;
}

/* Replaces the sequences of `text`, in which it may write. */
static bool read_items(struct format *format, char *text, struct error *error)
{
    char *end = format->text;
    for (char *percent; (percent = strchr(text, '%')) != NULL; text = percent + 2) {
        char letter = percent[1];
        *percent = '\0';
        if (!add_literal(format, &end, text, error))
            return false;
        if (letter == '%') {
            format->items[format->count++] = (struct item){.letter = LITERAL, .literal = "%", .length = 1};
            continue;
        }
        if (letter == '\0')
            return error_set(error, "'%%' at the end is incomplete; a %% itself is %%%%");
        if (!strchr("sSRkKtpoTh", letter))
            return error_set(error, "'%%%c' is unknown; a %% itself is %%%%", letter);
        add_item(format, letter);
    }
    return add_literal(format, &end, text, error);
}

struct format *format_parse(const char *text, bool show_null, struct error *error)
{
    size_t length = strlen(text);
    struct format *format = new_format(length + 1, length, show_null, error);
    char *copy = strdup(text);
    bool ok = format && copy && read_items(format, copy, error);
    if (format && !copy)
        error_set(error, "out of memory");
    free(copy);
    if (ok)
        return format;
    format_free(format);
    return NULL;
}

struct format *format_lines(const char *key_delimiter, const char *delimiter, bool show_null,
                            struct error *error)
{
    size_t length = strlen(delimiter) + (key_delimiter ? strlen(key_delimiter) : 0);
    struct format *format = new_format(4, length, show_null, error);
    char *end = format ? format->text : NULL;
    bool ok = format;
    if (ok && key_delimiter) {
        add_item(format, 'k');
        ok = add_literal(format, &end, key_delimiter, error);
    }
    if (ok) {
        add_item(format, 's');
        ok = add_literal(format, &end, delimiter, error);
    }
    if (ok)
        return format;
    format_free(format);
    return NULL;
}

struct format *format_json(const char *delimiter, struct error *error)
{
    struct format *format = new_format(2, strlen(delimiter), false, error);
    char *end = format ? format->text : NULL;
    if (!format)
        return NULL;
    add_item(format, JSON);
    if (add_literal(format, &end, delimiter, error))
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

static void put_length(struct printing *p, const void *data, size_t length)
{
    put_number(p, data ? (int64_t)length : -1);
}

static void put_binary_length(struct printing *p, const void *data, size_t length)
{
    uint32_t number = htonl(data ? (uint32_t)length : UINT32_MAX);
    put(p, &number, sizeof number);
}

static void put_headers(struct printing *p)
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

static void print_item(struct printing *p, const struct item *item)
{
    const rd_kafka_message_t *m = p->message;
    switch (item->letter) {
    case LITERAL:
        put(p, item->literal, item->length);
        break;
    case JSON:
        json_print_message(m, p->write, p->context);
        break;
    case 's':
        put_bytes(p, m->payload, m->len);
        break;
    case 'S':
        put_length(p, m->payload, m->len);
        break;
    case 'R':
        put_binary_length(p, m->payload, m->len);
        break;
    case 'k':
        put_bytes(p, m->key, m->key_len);
        break;
    case 'K':
        put_length(p, m->key, m->key_len);
        break;
    case 't':
        put(p, rd_kafka_topic_name(m->rkt), strlen(rd_kafka_topic_name(m->rkt)));
        break;
    case 'p':
        put_number(p, m->partition);
        break;
    case 'o':
        put_number(p, m->offset);
        break;
    case 'T':
        put_number(p, rd_kafka_message_timestamp(m, NULL));
        break;
    case 'h':
        put_headers(p);
        break;
    default:
        break; /* read_items lets no other through */
    }
}

void format_print(const struct format *format, const rd_kafka_message_t *message, json_write *write,
                  void *context)
{
    struct printing printing = {format, message, write, context};
    for (size_t i = 0; i < format->count; i++)
        print_item(&printing, &format->items[i]);
}
