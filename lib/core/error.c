#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

bool error_set(struct error *error, const char *format, ...)
{
    int saved = errno;
    if (error) {
        struct error made; /* an argument may be the present text of *error */
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(made.text, sizeof made.text, format, arguments);
        va_end(arguments);
        *error = made;
    }
    errno = saved;
    return false;
}
