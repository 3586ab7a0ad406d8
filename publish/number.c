#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Whether a double can hold it; it takes an exponent to exceed that. Programs never call setlocale for
 * LC_NUMERIC, so strtod reads a point. */
static bool is_finite(const struct number *number)
{
    char text[NUMBER_MAX + 1];
    memcpy(text, number->text, number->length);
    text[number->length] = '\0';
    return isfinite(strtod(text, NULL));
}

bool number_parse(const char *text, char point, struct number *number)
{
    bool ok = true;
    number->length = 0;
    if (*text == '-')
        ok = append(number, text, 1);
    if (*text == '-' || *text == '+')
        text++;
    size_t whole = digits(text), zeros = 0;
    const char *fraction = text + whole + (text[whole] == point);
    size_t decimals = text[whole] == point ? digits(fraction) : 0;
    const char *end = fraction + decimals;
    if (whole + decimals == 0)
        return false;
    while (text[zeros] == '0')
        zeros++;
    ok = ok && (zeros < whole ? append(number, text + zeros, whole - zeros) : append(number, "0", 1));
    if (decimals > 0)
        ok = ok && append(number, ".", 1) && append(number, fraction, decimals);
    if (*end == 'e' || *end == 'E')
        return ok && append(number, end, 1) && append_exponent(number, end + 1) && is_finite(number);
    return ok && *end == '\0';
}

void number_set(struct number *number, double value)
{
    char text[32];
    number->length = (size_t)snprintf(text, sizeof text, "%.15g", fmax(-1e308, fmin(value, 1e308)));
    memcpy(number->text, text, number->length);
}
