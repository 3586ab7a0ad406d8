/* UTF-8 (RFC 3629), character by character. */
#ifndef ROOMSTREAM_CORE_UTF8_H
#define ROOMSTREAM_CORE_UTF8_H

#include <stddef.h>

/* The length in bytes (1-4) of the UTF-8 character at the start of the NUL-terminated text, or 0 where there
 * is none: an invalid or cut sequence, an overlong form, a surrogate (RFC 3629), or the end. */
size_t utf8_length(const char *text);

#endif
