#include "kafka_name.h"

#include "kafka/topic.h"

#include <stdio.h>
#include <string.h>

#define ALLOWED "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool is_allowed(char c)
{
    return c != '\0' && strchr(ALLOWED, c);
}

bool kafka_name_check(const struct name_template *template, struct error *error)
{
    size_t length = 0;
    for (size_t i = 0; i < template->count; i++) {
        const struct name_template_piece *piece = &template->pieces[i];
        bool between = i > 0 && piece->name != TEMPLATE_NO_NAME;
        for (size_t at = 0; at < piece->length; at++)
            if (!is_allowed(piece->text[at]))
                return error_set(error,
                                 "'%c' cannot stand in a Kafka topic's name (letters, digits, '.', '_', '-')",
                                 piece->text[at]);
        if (between && (piece->length == 0 || !strchr(".-", *piece->text)))
            return error_set(error, "behind a {name} that another one follows '.' or '-' must stand: else "
                                    "different topics could have one name");
        length += piece->length;
    }
    if (template->count == 1 && !kafka_topic_name_valid(template->text))
        return error_set(error,
                         "it cannot be the name of a Kafka topic (1 to 249 letters, digits, '.', '_', '-')");
    return length <= KAFKA_NAME_LONGEST ||
           error_set(error, "a Kafka topic's name has at most 249 characters");
}

static bool is_digit(char c)
{
    return c != '\0' && strchr("0123456789ABCDEF", c);
}

/* Would this _ be taken for the beginning of an escape? */
static bool looks_escaped(const char *at, const char *end)
{
    return end - at >= 4 && at[0] == '_' && at[1] == 'x' && is_digit(at[2]) && is_digit(at[3]);
}

struct name {
    char *text;
    size_t length; /* that it would have */
};

static void put(struct name *name, const char *text, size_t length)
{
    if (name->length + length <= KAFKA_NAME_LONGEST)
        memcpy(name->text + name->length, text, length);
    name->length += length;
}

/* `after`: the character behind the value where another value follows, else NUL. */
static void put_value(struct name *name, struct spool_bytes value, bool rest, char after)
{
    const char *end = (const char *)value.data + value.length;
    for (const char *at = value.data; at < end; at++) {
        const char shown = rest && *at == '/' ? '.' : *at;
        char escape[8];
        if (is_allowed(shown) && shown != after && !(rest && *at == '.') && !looks_escaped(at, end)) {
            put(name, &shown, 1);
        } else {
            snprintf(escape, sizeof escape, "_x%02X", (unsigned char)*at);
            put(name, escape, 4);
        }
    }
}

/* What the values alone have made of it. */
static bool check_made(const struct name *name, struct error *error)
{
    if (name->length > KAFKA_NAME_LONGEST)
        return error_set(error, "its Kafka topic would have a name of %zu characters, more than 249",
                         name->length);
    if (!kafka_topic_name_valid(name->text))
        return error_set(error, "'%s' cannot be the name of a Kafka topic", name->text);
    /* Kafka keeps its own offsets and transactions in topics of such names. */
    return strncmp(name->text, "__", 2) != 0 ||
           error_set(error, "'%s' is a name as Kafka's own topics have", name->text);
}

bool kafka_name_fill(const struct name_template *template, const struct spool_bytes *values, size_t rest,
                     char text[static KAFKA_NAME_LONGEST + 1], struct error *error)
{
    struct name name = {text, 0};
    for (size_t i = 0; i < template->count; i++) {
        const struct name_template_piece *piece = &template->pieces[i];
        put(&name, piece->text, piece->length);
        if (piece->name == TEMPLATE_NO_NAME)
            break;
        bool another = template->pieces[i + 1].name != TEMPLATE_NO_NAME;
        put_value(&name, values[piece->name], piece->name == rest, another ? *piece[1].text : '\0');
    }
    if (name.length <= KAFKA_NAME_LONGEST)
        text[name.length] = '\0';
    return template->count == 1 || check_made(&name, error);
}
