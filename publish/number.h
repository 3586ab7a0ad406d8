/* Decimal numbers as text: carried digit by digit. */
#ifndef ROOMSTREAM_PUBLISH_NUMBER_H
#define ROOMSTREAM_PUBLISH_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum { NUMBER_MAX = 64 };

struct number {
    char text[NUMBER_MAX]; /* not NUL-terminated */
    size_t length;
};

/* Takes a decimal number as a JSON number (RFC 8259 section 6). `point` is the decimal mark of the text. What
 * JSON allows is taken verbatim; other usual spellings lose or gain only what has no value: +3 is 3, .5 is
 * 0.5, 5. is 5, 007 is 7. False for anything else (empty, inf, nan, hexadecimal, another decimal mark), for
 * what is too large for a double (1e400), and for more than NUMBER_MAX characters. */
bool number_parse(const char *text, char point, struct number *number);

/* Makes the number from a double, with up to 15 digits; from one beyond 1e308 or -1e308, that. Not from a
 * NaN. */
void number_set(struct number *number, double value);

#endif
