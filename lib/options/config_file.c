#include "config_file.h"

#include "core/out_of_memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20 };

/* The whole file with a NUL behind it; the caller frees it. */
static char *read_text(const char *path, size_t *length, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(MAX_BYTES + 2);
    if (!text)
        out_of_memory(MAX_BYTES + 2);
    bool ok = file != NULL;
    if (!ok)
        error_set(error, "cannot read the configuration file '%s': %s", path, strerror(errno));
    if (ok) {
        *length = fread(text, 1, MAX_BYTES + 1, file);
        text[*length] = '\0';
        if (ferror(file))
            ok = error_set(error, "cannot read the configuration file '%s': %s", path, strerror(errno));
        else if (*length > MAX_BYTES)
            ok = error_set(error, "the configuration file '%s' is larger than 1 MiB", path);
    }
    if (file)
        fclose(file);
    if (ok)
        return text;
    free(text);
    return NULL;
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
    return text;
}

void config_file_append(struct config_file *file, const struct config_entry *entry)
{
    struct config_entry *entries = realloc(file->entries, (file->count + 1) * sizeof *entries);
    if (!entries)
        out_of_memory((file->count + 1) * sizeof *entries);
    entries[file->count++] = *entry;
    file->entries = entries;
}

static bool parse_line(struct config_file *file, char *text, int line, const char **section,
                       struct error *error)
{
    text = trim(text);
    if (*text == '\0' || strchr("#;!", *text))
        return true;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (!end || end[1])
            return error_set(error, "a section header must be [NAME]");
        *end = '\0';
        *section = trim(text + 1);
        return true;
    }
    char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return error_set(error, "expected 'key = value', a [section] or a # comment");
    *equals = '\0';
    config_file_append(file, &(struct config_entry){*section, trim(text), trim(equals + 1), .line = line});
    return true;
}

char *config_file_load(const char *path, struct config_file *file, size_t *length, struct error *error)
{
    *file = (struct config_file){.text = read_text(path, length, error)};
    if (!file->text || strncmp(file->text, "\xef\xbb\xbf", 3) != 0)
        return file->text;
    *length -= 3;
    return file->text + 3;
}

bool config_file_parse(struct config_file *file, char *text, size_t length, const char *path,
                       struct error *error)
{
    const char *section = "";
    char *end = text + length;
    bool ok = true;
    for (int line = 1; ok && text < end; line++) {
        struct error detail;
        char *newline = memchr(text, '\n', (size_t)(end - text));
        char *next = newline ? newline + 1 : end;
        if (newline)
            *newline = '\0';
        if (strlen(text) < (size_t)((newline ? newline : end) - text))
            ok = error_set(&detail, "a NUL byte: the file must be text in UTF-8");
        else
            ok = parse_line(file, text, line, &section, &detail);
        if (!ok)
            error_set(error, "%s:%d: %s", path, line, detail.text);
        text = next;
    }
    return ok;
}

bool config_file_read(const char *path, struct config_file *file, struct error *error)
{
    size_t length;
    char *text = config_file_load(path, file, &length, error);
    if (!text)
        return false;
    if (config_file_parse(file, text, length, path, error))
        return true;
    config_file_free(file);
    return false;
}

void config_file_free(struct config_file *file)
{
    free(file->entries);
    free(file->text);
    *file = (struct config_file){0};
}
