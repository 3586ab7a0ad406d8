#include "name_template.h"

#include "core/out_of_memory.h"

#include <stdlib.h>
#include <string.h>

static void add_piece(struct name_template *template, const char *text, size_t length, size_t name)
{
    size_t size = (template->count + 1) * sizeof *template->pieces;
    template->pieces = realloc(template->pieces, size);
    if (!template->pieces)
        out_of_memory(size);
    template->pieces[template->count++] = (struct name_template_piece){text, length, name};
}

static size_t find_name(const struct text_list *names, const char *name, size_t length)
{
    for (size_t i = 0; i < names->count; i++)
        if (strlen(names->items[i]) == length && memcmp(names->items[i], name, length) == 0)
            return i;
    return TEMPLATE_NO_NAME;
}

bool name_template_parse(const char *text, const struct text_list *names, struct name_template *template,
                         struct error *error)
{
    *template = (struct name_template){.text = text_copy(text)};
    const char *at = template->text;
    for (;;) {
        size_t length = strcspn(at, "{}");
        if (at[length] == '\0') {
            add_piece(template, at, length, TEMPLATE_NO_NAME);
            return true;
        }
        const char *name = at + length + 1, *end = strpbrk(name, "{}");
        if (at[length] == '}' || !end || *end == '{')
            return error_set(error, "a brace has no counterpart: a name is {NAME}");
        size_t number = find_name(names, name, (size_t)(end - name));
        if (number == TEMPLATE_NO_NAME)
            return error_set(error, "there is no {%.*s} in the route's MQTT filter", (int)(end - name), name);
        add_piece(template, at, length, number);
        at = end + 1;
    }
}

void name_template_free(struct name_template *template)
{
    free(template->text);
    free(template->pieces);
    *template = (struct name_template){0};
}

void name_template_fill(const struct name_template *template, const struct spool_bytes *values,
                        struct text_buffer *buffer)
{
    buffer->length = 0;
    for (size_t i = 0; i < template->count; i++) {
        const struct name_template_piece *piece = &template->pieces[i];
        text_buffer_append(buffer, piece->text, piece->length);
        if (piece->name != TEMPLATE_NO_NAME)
            text_buffer_append(buffer, values[piece->name].data, values[piece->name].length);
    }
}
