#include "number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Appends; false when the number would become too long. */
static bool append(struct number *number, const char *text, size_t length)
{
    if (length > sizeof number->text - number->length)
        return false;
    memcpy(number->text + number->length, text, length);
    number->length += length;
    return true;
}

static size_t digits(const char *text)
{
    size_t length = 0;
    while (text[length] >= '0' && text[length] <= '9')
        length++;
    return length;
}

/* The part after e or E. */
static bool append_exponent(struct number *number, const char *text)
{
    size_t sign = *text == '+' || *text == '-', length = digits(text + sign);
    return length > 0 && text[sign + length] == '\0' && append(number, text, sign + length);
}

bool number_parse(const char *text, struct number *number)
{
    bool ok = true;
    number->length = 0;
    if (*text == '-')
        ok = append(number, text, 1);
    if (*text == '-' || *text == '+')
        text++;
    size_t whole = digits(text), zeros = 0;
    const char *fraction = text + whole + (text[whole] == '.');
    size_t decimals = text[whole] == '.' ? digits(fraction) : 0;
    const char *end = fraction + decimals;
    if (whole + decimals == 0)
        return false;
    while (text[zeros] == '0')
        zeros++;
    ok = ok && (zeros < whole ? append(number, text + zeros, whole - zeros) : append(number, "0", 1));
    if (decimals > 0)
        ok = ok && append(number, ".", 1) && append(number, fraction, decimals);
    if (*end == 'e' || *end == 'E')
        return ok && append(number, end, 1) && append_exponent(number, end + 1);
    return ok && *end == '\0';
}

void number_set(struct number *number, double value)
{
    char text[32];
    number->length = (size_t)snprintf(text, sizeof text, "%.15g", fmax(-1e308, fmin(value, 1e308)));
    memcpy(number->text, text, number->length);
}
