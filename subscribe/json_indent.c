#include "json_indent.h"

static void put(struct json_indent *j, const char *text, size_t length)
{
    j->write(j->context, text, length);
}

static void put_line(struct json_indent *j)
{
    put(j, "\n", 1);
    for (unsigned i = 0; i < j->depth; i++)
        put(j, "\t", 1);
}

static bool in_list(const struct json_indent *j)
{
    unsigned level = j->depth - 1;
    return j->depth > 0 && j->is_list[level / 8] & 1U << level % 8;
}

static void begin(struct json_indent *j, bool list)
{
    unsigned level = j->depth < JSON_INDENT_DEPTH ? j->depth++ : j->depth - 1;
    unsigned char bit = (unsigned char)(1U << level % 8);
    if (list)
        j->is_list[level / 8] |= bit;
    else
        j->is_list[level / 8] &= (unsigned char)~bit;
    j->opened = !list;
}

static void punctuate(struct json_indent *j, char mark)
{
    if (mark == '}' || mark == ']')
        j->depth -= j->depth > 0;
    if (mark == '}')
        put_line(j);
    put(j, &mark, 1);
    if (mark == '{' || mark == '[')
        begin(j, mark == '[');
    else if (mark == ':')
        put(j, "\t", 1);
    else if (mark == ',' && in_list(j))
        put(j, " ", 1);
    else if (mark == ',')
        put_line(j);
}

static bool is_mark(char c)
{
    return c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',';
}

/* True where the character is part of a string, with its quotes. */
static bool follow_string(struct json_indent *j, char c)
{
    bool was_in = j->in_string;
    if (c == '"' && !j->escaped)
        j->in_string = !was_in;
    j->escaped = was_in && c == '\\' && !j->escaped;
    return was_in || c == '"';
}

void json_indent(void *indent, const void *data, size_t length)
{
    struct json_indent *j = indent;
    const char *text = data;
    size_t begun = 0;
    for (size_t i = 0; i < length; i++) {
        if (j->opened && text[i] != '}')
            put_line(j);
        j->opened = false;
        if (follow_string(j, text[i]) || !is_mark(text[i]))
            continue;
        put(j, text + begun, i - begun);
        punctuate(j, text[i]);
        begun = i + 1;
    }
    put(j, text + begun, length - begun);
}
