#include "sources.h"

#include "config_file.h"
#include "core/out_of_memory.h"
#include "properties_file.h"
#include "value.h"
#include "warnings.h"

#include <stdlib.h>
#include <string.h>

bool options_from_defaults(struct option_table *table, struct error *error)
{
    for (size_t i = 0; i < table->count; i++) {
        struct option_row *row = &table->rows[i];
        if (row->fallback && !option_set(table, row, row->spec->name, row->fallback, error))
            return false;
    }
    return true;
}

/* ---- the configuration file ---- */

/* The kinds of sections, in order of rising precedence. */
enum section { SECTION_DEFAULT, SECTION_GROUP, SECTION_FAMILY, SECTION_PROGRAM, SECTION_OF_OTHERS };

static bool is_default(const char *section)
{
    return *section == '\0' || strcmp(section, "default") == 0;
}

static enum section classify(struct option_table *table, const struct program *program, const char *name)
{
    if (strcmp(name, program->name) == 0)
        return SECTION_PROGRAM;
    if (program->family && strcmp(name, program->family) == 0)
        return SECTION_FAMILY;
    if (is_default(name))
        return SECTION_DEFAULT;
    for (size_t i = 0; i < program->group_count; i++)
        if (strcmp(name, program->groups[i].section) == 0)
            return SECTION_GROUP;
    return option_find_lines_of(table, name) ? SECTION_GROUP : SECTION_OF_OTHERS;
}

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool is_kafka_property(const char *key)
{
    /* Of librdkafka's and Java's, those without a dot that a pasted file may hold. */
    static const char *const undotted[] = {"acks", "debug", "partitioner", "retries"};
    for (size_t i = 0; i < sizeof undotted / sizeof *undotted; i++)
        if (strcmp(undotted[i], key) == 0)
            return true;
    return strchr(key, '.') != NULL;
}

/* An entry of a section whose lines are the items of one option. */
static bool set_line(struct option_table *table, struct option_row *row, const struct config_entry *entry,
                     const char *where, struct error *error)
{
    char *item;
    if (asprintf(&item, "%s=%s", entry->key, entry->value) < 0)
        out_of_memory(strlen(entry->key) + strlen(entry->value));
    bool ok = option_set_by_user(table, row, where, item, error);
    free(item);
    return ok;
}

/* `where` is "FILE:LINE". */
static bool set_entry(struct option_table *table, const struct program *program,
                      const struct config_entry *entry, const char *where, struct error *error)
{
    enum section section = classify(table, program, entry->section);
    struct option_row *row = option_find_lines_of(table, entry->section);
    if (row)
        return set_line(table, row, entry, where, error);
    row = option_find(table, entry->key);
    struct option_row *properties = option_find_dotted_keys(table);
    if (entry->key[strspn(entry->key, NAME_CHARACTERS)])
        return error_set(
            error,
            "%s: what stands before '=' is not the name of an option (it is not shown: it may hold a secret); a line is 'name = value'",
            where);
    char source[2048];
    if (!row && !properties && section == SECTION_DEFAULT && is_kafka_property(entry->key))
        return true; /* in a file shared with programs that do not speak Kafka */
    bool is_property = !row && is_kafka_property(entry->key);
    if (is_property)
        row = properties;
    if (!row)
        return error_set(
            error, "%s: %s has no option '%s'%s", where, program->name, entry->key,
            section == SECTION_DEFAULT
                ? ": options that not all programs have belong under their section, such as [mqtt], [kafka] or [the program's name]"
                : "");
    if (row->general)
        return error_set(error, "%s: '%s' makes sense on the command line only", where, entry->key);
    if (section == SECTION_GROUP && strcmp(row->group->section, entry->section) != 0)
        return error_set(error, "%s: '%s' does not belong under [%s] but under [%s]", where, entry->key,
                         entry->section, row->group->section);
    snprintf(source, sizeof source, "%s: %s", where, entry->key);
    if (!is_property)
        return option_set_by_user(table, row, source, entry->value, error);
    row->given = true;
    return option_add_property(table, row, &(struct property){entry->key, entry->value, .origin = where},
                               error);
}

static bool set_entries(struct option_table *table, const struct program *program, const char *path,
                        const struct config_file *file, struct error *error)
{
    char where[1024];
    for (enum section section = SECTION_DEFAULT; section < SECTION_OF_OTHERS; section++) {
        table->pass++;
        for (size_t i = 0; i < file->count; i++) {
            const struct config_entry *entry = &file->entries[i];
            snprintf(where, sizeof where, "%s:%d", path, entry->line);
            if (classify(table, program, entry->section) == section &&
                !set_entry(table, program, entry, where, error))
                return false;
        }
    }
    return true;
}

static void note_ignored_sections(struct option_table *table, const struct program *program,
                                  const struct config_file *file)
{
    const char *last = "";
    for (size_t i = 0; i < file->count; i++) {
        const char *name = file->entries[i].section;
        if (strcmp(name, last) != 0 && classify(table, program, name) == SECTION_OF_OTHERS)
            text_list_append(&table->ignored_sections, name);
        last = name;
    }
}

static void check_rights(const char *path, const struct config_file *file)
{
    static const char of_path[] = "-file";
    bool secret = false;
    for (size_t i = 0; i < file->count; i++) {
        const char *key = file->entries[i].key;
        size_t length = strlen(key), end = strlen(of_path);
        bool names_file = length > end && strcmp(key + length - end, of_path) == 0;
        secret |= !names_file && *file->entries[i].value && text_names_secret(key, length);
    }
    options_check_rights(path, secret);
}

bool options_from_file(struct option_table *table, const struct program *program, const char *path,
                       struct error *error)
{
    struct config_file file;
    if (!config_file_read(path, &file, error))
        return false;
    check_rights(path, &file);
    bool ok = set_entries(table, program, path, &file, error);
    note_ignored_sections(table, program, &file);
    config_file_free(&file);
    return ok;
}

/* ---- the environment ---- */

/* A list has one value a line. */
static bool set_lines(struct option_table *table, struct option_row *row, const char *source,
                      const char *text, struct error *error)
{
    char *copy = text_copy(text), *rest = copy, *line;
    bool ok = true;
    while (ok && (line = strsep(&rest, "\n")))
        ok = *line == '\0' || option_set_by_user(table, row, source, line, error);
    free(copy);
    return ok;
}

bool options_from_environment(struct option_table *table, struct error *error)
{
    table->pass++;
    for (size_t i = 0; i < table->count; i++) {
        struct option_row *row = &table->rows[i];
        char name[OPTION_ENV_SIZE], source[OPTION_ENV_SIZE + 32];
        const char *value = row->general ? NULL : getenv(option_env(row->spec, name));
        bool list = row->spec->kind == OPTION_LIST || row->spec->kind == OPTION_PROPERTIES;
        if (!value || !*value || options_is_service_link(name, value))
            continue;
        snprintf(source, sizeof source, "environment variable %s", name);
        if (!(list ? set_lines : option_set_by_user)(table, row, source, value, error))
            return false;
    }
    return true;
}

/* ---- the properties file ---- */

/* What of the file is also an option of its own goes before nothing but the default. */
static bool add_file_entry(struct option_table *table, const struct config_entry *entry, const char *where,
                           struct property_list *list, struct error *error)
{
    bool in_default = is_default(entry->section);
    struct option_row *own = in_default ? option_find_property(table, entry->key) : NULL;
    if (own && own->given)
        return true;
    if (own)
        return option_set(table, own, where, entry->value, error);
    const char *section = in_default ? "" : entry->section;
    property_list_append(list, &(struct property){entry->key, entry->value, where, section, entry->escaped});
    return true;
}

/* Sections come after what stands in none. */
static bool add_file_entries(struct option_table *table, const char *path, const struct config_file *file,
                             struct property_list *list, struct error *error)
{
    char where[1024];
    for (int of_sections = 0; of_sections < 2; of_sections++)
        for (size_t i = 0; i < file->count; i++) {
            const struct config_entry *entry = &file->entries[i];
            snprintf(where, sizeof where, "%s:%d", path, entry->line);
            if (is_default(entry->section) == !of_sections &&
                !add_file_entry(table, entry, where, list, error))
                return false;
        }
    return true;
}

bool options_from_properties_file(struct option_table *table, struct error *error)
{
    const struct option_row *row = option_find_properties_file(table);
    struct option_row *properties = option_find_dotted_keys(table);
    const char *path = row ? *(const char **)row->value : NULL;
    struct property_list all = {0};
    struct config_file file;
    if (!path || !*path || !properties)
        return true;
    if (!properties_file_read(path, &file, error))
        return false;
    check_rights(path, &file);
    bool ok = add_file_entries(table, path, &file, &all, error);
    struct property_list *others = properties->value;
    for (size_t i = 0; i < others->count; i++)
        property_list_append(&all, &others->items[i]);
    property_list_free(others);
    *others = all;
    properties->given = all.count > 0;
    config_file_free(&file);
    return ok;
}
