#include "credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void credential_show_source(const char *text, char *shown, size_t size)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY"), *source = getenv("ROOMSTREAM_CREDENTIALS_FROM");
    const char *found;
    size_t length = 0;
    while (folder && *folder && source && (found = strstr(text, folder)) && length < size) {
        length +=
            (size_t)snprintf(shown + length, size - length, "%.*s%s", (int)(found - text), text, source);
        text = found + strlen(folder);
    }
    if (length < size)
        snprintf(shown + length, size - length, "%s", text);
}
