/* What went wrong, as one sentence for the user. A function that can fail takes a struct error and returns
 * false. */
#ifndef ROOMSTREAM_CORE_ERROR_H
#define ROOMSTREAM_CORE_ERROR_H

#include <stdbool.h>

struct error {
    char text[1024]; /* NUL-terminated; a longer message is cut */
};

/* Formats the message into *error (which may be NULL: then it is dropped); error->text itself may be among
 * the arguments. Always returns false, so that a function can fail with `return error_set(error, ...)`. errno
 * is kept. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
