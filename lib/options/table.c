#include "table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

struct option_row *option_find(struct option_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (same(table->rows[i].spec->name, name))
            return &table->rows[i];
    return NULL;
}

struct option_row *option_find_letter(struct option_table *table, int letter)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].spec->letter == letter)
            return &table->rows[i];
    return NULL;
}

struct option_row *option_find_property(struct option_table *table, const char *property)
{
    for (size_t i = 0; i < table->count; i++)
        if (same(table->rows[i].spec->property, property))
            return &table->rows[i];
    return NULL;
}

struct option_row *option_find_dotted_keys(struct option_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].spec->dotted_keys)
            return &table->rows[i];
    return NULL;
}

struct option_row *option_find_properties_file(struct option_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].spec->properties_file)
            return &table->rows[i];
    return NULL;
}

struct option_row *option_find_lines_of(struct option_table *table, const char *section)
{
    for (size_t i = 0; i < table->count; i++)
        if (same(table->rows[i].spec->lines_of, section))
            return &table->rows[i];
    return NULL;
}

static void add_group(struct option_table *table, const struct option_group *group, bool general)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct option_spec *spec = &group->specs[i];
        if (table->count == OPTIONS_MAX || option_find(table, spec->name) ||
            (spec->letter && option_find_letter(table, spec->letter)))
            abort();
        table->rows[table->count++] = (struct option_row){.spec = spec,
                                                          .group = group,
                                                          .fallback = spec->fallback,
                                                          .value = (char *)group->settings + spec->offset,
                                                          .general = general};
    }
}

void option_table_fill(struct option_table *table, const struct program *program,
                       const struct option_group *general)
{
    text_list_free(&table->ignored_sections);
    table->count = 0;
    for (size_t i = 0; i < program->group_count; i++)
        add_group(table, &program->groups[i], false);
    add_group(table, general, true);
    for (size_t i = 0; i < program->default_count; i++) {
        struct option_row *row = option_find(table, program->defaults[i].name);
        if (!row)
            abort();
        row->fallback = program->defaults[i].value;
    }
}

const char *option_env(const struct option_spec *spec, char name[static OPTION_ENV_SIZE])
{
    size_t length = (size_t)snprintf(name, OPTION_ENV_SIZE, "%s", spec->env ? spec->env : "ROOMSTREAM_");
    for (const char *c = spec->name; !spec->env && *c && length < OPTION_ENV_SIZE - 1; c++)
        name[length++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    name[length] = '\0';
    return name;
}
