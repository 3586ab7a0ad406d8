#include "scalar.h"

#include "core/recorded_time.h"
#include "core/text.h"
#include "core/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* For messages, in which a long value is cut. */
#define SHOWN(scalar) (int)((scalar)->text.length > 60 ? 60 : (scalar)->text.length), (scalar)->text.at

static const char *const kinds[] = {
    [SCALAR_ABSENT] = "missing",
    [SCALAR_NULL] = "null",
    [SCALAR_FALSE] = "false",
    [SCALAR_TRUE] = "true",
    [SCALAR_NUMBER] = "a number",
    [SCALAR_TEXT] = "a text",
    [SCALAR_OTHER] = "an object or an array",
};

bool scalar_to_double(const struct scalar *scalar, const char *what, double *value, struct error *error)
{
    if (scalar->kind != SCALAR_NUMBER)
        return error_set(error, "%s is %s, not a number", what, kinds[scalar->kind]);
    char *end;
    errno = 0;
    *value = strtod(scalar->text.at, &end);
    /* strtod also takes hexadecimal, infinity and nan. */
    if (scalar->text.length == 0 || end != scalar->text.at + scalar->text.length ||
        strspn(scalar->text.at, "0123456789+-.eE") != scalar->text.length)
        return error_set(error, "%s is not a finite decimal number: %.*s", what, SHOWN(scalar));
    if (isinf(*value) || (errno == ERANGE && *value == 0))
        return error_set(error, "%s is beyond what double precision can hold: %.*s", what, SHOWN(scalar));
    return true;
}

bool scalar_to_integer(const struct scalar *scalar, const char *what, int64_t *value, struct error *error)
{
    double real;
    if (scalar->kind == SCALAR_NUMBER && text_to_integer(scalar->text.at, value))
        return true;
    if (!scalar_to_double(scalar, what, &real, error))
        return false;
    /* Beyond 2^53 a double does not tell which whole number it was. */
    if (real != floor(real) || fabs(real) > 9007199254740992.0)
        return error_set(error, "%s is not a whole number of 64 bits: %.*s", what, SHOWN(scalar));
    *value = (int64_t)real;
    return true;
}

bool scalar_check_text(struct bytes text, const char *what, struct error *error)
{
    if (memchr(text.at, '\0', text.length))
        return error_set(error, "%s has a NUL byte, which databases do not hold in a text", what);
    for (const char *at = text.at; at < text.at + text.length;) {
        size_t length = (unsigned char)*at < 0x80 ? 1 : utf8_length(at);
        if (length == 0)
            return error_set(error, "%s is not UTF-8", what);
        at += length;
    }
    return true;
}

bool scalar_to_ns(const struct scalar *scalar, int64_t unit, int64_t *ns)
{
    double real;
    if (recorded_unix(scalar->text.at, unit, ns))
        return true;
    if (!scalar_to_double(scalar, "time", &real, NULL) || fabs(real * (double)unit) > 9.2e18)
        return false;
    *ns = llround(real * (double)unit);
    return true;
}

bool scalar_to_time(const struct scalar *scalar, int64_t unit, int64_t *ns, struct error *error)
{
    bool utc, read;
    if (scalar->kind != SCALAR_NUMBER && scalar->kind != SCALAR_TEXT)
        return error_set(error, "time is %s", kinds[scalar->kind]);
    if (scalar->kind == SCALAR_NUMBER)
        read = scalar_to_ns(scalar, unit, ns) && recorded_time_fits(*ns);
    else
        read = strlen(scalar->text.at) == scalar->text.length && recorded_iso(scalar->text.at, ns, &utc);
    return read || error_set(error, "time is not a time from 1678 to 2261: %.*s", SHOWN(scalar));
}
