#include "template.h"

#include "core/json_pointer.h"
#include "core/out_of_memory.h"
#include "mqtt/topic.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum piece_kind { PIECE_TEXT, PIECE_TOPIC, PIECE_PARTITION, PIECE_KEY, PIECE_HEADER, PIECE_JSON };

struct piece {
    enum piece_kind kind;
    char *text; /* what stands there: the text itself, or what is between the braces */
    size_t length;
    const char *name; /* of the header: in the text */
    struct pointer pointer;
};

/* ---- parsing ---- */

static struct piece *add_piece(struct template *t, enum piece_kind kind, const char *text, size_t length)
{
    t->pieces = realloc(t->pieces, (t->count + 1) * sizeof *t->pieces);
    char *copy = strndup(text, length);
    if (!t->pieces || !copy)
        out_of_memory(length);
    t->pieces[t->count] = (struct piece){.kind = kind, .text = copy, .length = length};
    return &t->pieces[t->count++];
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* What is between two braces. */
static bool add_placeholder(struct template *t, const char *text, size_t length, struct error *error)
{
    static const char *const names[] = {
        [PIECE_TOPIC] = "topic", [PIECE_PARTITION] = "partition", [PIECE_KEY] = "key"};
    struct piece *piece = add_piece(t, PIECE_TEXT, text, length);
    for (enum piece_kind kind = PIECE_TOPIC; kind <= PIECE_KEY; kind++)
        if (strcmp(piece->text, names[kind]) == 0)
            piece->kind = kind;
    if (starts_with(piece->text, "header:") && length > strlen("header:")) {
        piece->kind = PIECE_HEADER;
        piece->name = piece->text + strlen("header:");
    }
    if (starts_with(piece->text, "json:")) {
        piece->kind = PIECE_JSON;
        t->reads_json = true;
        return pointer_parse(piece->text + strlen("json:"), &piece->pointer, error);
    }
    return piece->kind != PIECE_TEXT ||
           error_set(
               error,
               "'{%s}' is none of {topic}, {partition}, {key}, {header:NAME} and {json:/POINTER}; a brace "
               "itself is written twice",
               piece->text);
}

/* The text outside of braces must be valid in a topic. */
static bool check_texts(const struct template *t, struct error *error)
{
    struct error why;
    for (size_t i = 0; i < t->count; i++)
        if (t->pieces[i].kind == PIECE_TEXT && !mqtt_topic_check(t->pieces[i].text, &why))
            return error_set(error, "'%s': %s", t->pieces[i].text, why.text);
    return true;
}

bool template_parse(const char *text, struct template *t, struct error *error)
{
    *t = (struct template){0};
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "{}");
        if (length > 0)
            add_piece(t, PIECE_TEXT, at, length);
        at += length;
        if (*at && at[0] == at[1]) {
            add_piece(t, PIECE_TEXT, at, 1);
            at += 2;
        } else if (*at) {
            const char *close = *at == '{' ? strchr(at, '}') : NULL;
            if (!close)
                return error_set(error, "'%s' has a brace without its other one", text);
            if (!add_placeholder(t, at + 1, (size_t)(close - at - 1), error))
                return false;
            at = close + 1;
        }
    }
    return check_texts(t, error);
}

void template_free(struct template *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->pieces[i].text);
        pointer_free(&t->pieces[i].pointer);
    }
    free(t->pieces);
    *t = (struct template){0};
}

/* ---- filling ---- */

/* A value of the message. It may add several levels, none of them empty. */
static bool append_value(struct text_buffer *topic, const struct piece *piece, const void *bytes,
                         size_t length, struct error *reason)
{
    const char *text = bytes;
    if (!text)
        return error_set(reason, "the message has no {%s} for its MQTT topic", piece->text);
    if (length == 0)
        return error_set(reason, "its {%s} is empty, and cannot be a level of an MQTT topic", piece->text);
    if (memchr(text, '\0', length))
        return error_set(reason, "its {%s} has a NUL, which no MQTT topic may have", piece->text);
    if (text[0] == '/' || text[length - 1] == '/' || memmem(text, length, "//", 2))
        return error_set(reason, "its {%s} would make an empty level in the MQTT topic", piece->text);
    text_buffer_append(topic, text, length);
    return true;
}

static const json_t *find(const struct pointer *pointer, const json_t *value)
{
    for (size_t i = 0; value && i < pointer->count; i++) {
        if (json_is_array(value)) {
            size_t index = 0;
            while (index < json_array_size(value) && !pointer_counts(pointer, i, index))
                index++;
            value = json_array_get(value, index);
        } else
            value = json_object_get(value, pointer->tokens[i]);
    }
    return value;
}

static bool append_json(struct text_buffer *topic, const struct piece *piece, const json_t *document,
                        struct error *reason)
{
    char number[24];
    if (!document)
        return error_set(reason, "its value is not JSON, in which {%s} could be looked up", piece->text);
    const json_t *value = find(&piece->pointer, document);
    if (json_is_string(value))
        return append_value(topic, piece, json_string_value(value), json_string_length(value), reason);
    if (json_is_integer(value))
        snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(number, sizeof number, "%s", json_is_true(value) ? "true" : "false");
    else
        return error_set(reason, "its {%s} is %s", piece->text,
                         value ? "neither a text, a whole number, true nor false" : "not there");
    text_buffer_append(topic, number, strlen(number));
    return true;
}

static bool append_piece(struct text_buffer *topic, const struct piece *piece, const struct record *record,
                         const json_t *document, struct error *reason)
{
    char number[16];
    const struct header *header;
    switch (piece->kind) {
    case PIECE_TEXT:
        text_buffer_append(topic, piece->text, piece->length);
        return true;
    case PIECE_TOPIC:
        text_buffer_append(topic, record->topic, strlen(record->topic));
        return true;
    case PIECE_PARTITION:
        snprintf(number, sizeof number, "%d", (int)record->partition);
        text_buffer_append(topic, number, strlen(number));
        return true;
    case PIECE_KEY:
        return append_value(topic, piece, record->key.data, record->key.length, reason);
    case PIECE_HEADER:
        header = record_header(record, piece->name, strlen(piece->name));
        return append_value(topic, piece, header ? header->value : NULL, header ? header->value_length : 0,
                            reason);
    case PIECE_JSON:
        break;
    }
    return append_json(topic, piece, document, reason);
}

static bool append_all(struct text_buffer *topic, const struct template *t, const struct record *record,
                       const json_t *document, struct error *reason)
{
    for (size_t i = 0; i < t->count; i++)
        if (!append_piece(topic, &t->pieces[i], record, document, reason))
            return false;
    return true;
}

bool template_fill(const struct template *t, const struct record *record, struct text_buffer *topic,
                   struct error *reason)
{
    struct error why;
    text_buffer_set(topic, "", 0);
    json_t *document = t->reads_json
                           ? json_loadb(record->value.data ? record->value.data : "", record->value.length,
                                        JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                           : NULL;
    bool filled = append_all(topic, t, record, document, reason);
    json_decref(document);
    if (!filled)
        return false;
    if (topic->data[0] == '$')
        return error_set(reason, "its MQTT topic begins with $, which brokers keep for themselves");
    return mqtt_topic_check(topic->data, &why) || error_set(reason, "its MQTT topic is wrong: %s", why.text);
}
