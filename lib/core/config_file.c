#include "config_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static bool parse_line(char *text, char **section, config_entry *entry, void *context, int line,
                       struct error *error)
{
    text = trim(text);
    if (*text == '\0' || strchr("#;!", *text))
        return true;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (!end || end[1])
            return error_set(error, "a section header must be [NAME], not '%s'", text);
        *end = '\0';
        free(*section);
        *section = strdup(trim(text + 1));
        return *section || error_set(error, "out of memory");
    }
    char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return error_set(error, "expected 'key = value', a [section] or a # comment, not '%.60s'", text);
    *equals = '\0';
    return entry(context, *section, trim(text), trim(equals + 1), line, error);
}

bool config_file_read(const char *path, config_entry *entry, void *context, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *text = NULL, *section = strdup("");
    size_t size = 0;
    ssize_t length;
    bool ok = true;
    if (!file || !section) {
        ok = error_set(error, "cannot read the configuration file %s: %s", path, strerror(errno));
        goto done;
    }
    for (int line = 1; ok && (length = getline(&text, &size, file)) >= 0; line++) {
        struct error detail = {""};
        if (strlen(text) != (size_t)length)
            ok = error_set(&detail, "a NUL byte");
        else
            ok = parse_line(line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text, &section,
                            entry, context, line, &detail);
        if (!ok)
            error_set(error, "%s:%d: %s", path, line, detail.text);
    }
    if (ok && ferror(file))
        ok = error_set(error, "cannot read the configuration file %s: %s", path, strerror(errno));
done:
    free(text);
    free(section);
    if (file)
        fclose(file);
    return ok;
}
