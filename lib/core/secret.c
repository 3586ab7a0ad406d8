#include "secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *secret_read(const char *path, struct error *error)
{
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "re");
    ssize_t length = file ? getline(&line, &size, file) : -1;
    if (length < 0) {
        error_set(error, "cannot read a password from %s: %s", path,
                  file && !ferror(file) ? "the file is empty" : strerror(errno));
        free(line);
        line = NULL;
    } else {
        line[strcspn(line, "\r\n")] = '\0';
    }
    if (file)
        fclose(file);
    return line;
}

void secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
