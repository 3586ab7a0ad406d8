#include "properties_file.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\f";

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

/* ---- logical lines ---- */

struct reader {
    char *next, *end; /* what is not read yet */
    int line;         /* that `next` is in */
};

/* Moves behind the end of a line: \n, \r or \r\n. */
static void end_line(struct reader *r)
{
    r->next += r->end - r->next >= 2 && r->next[0] == '\r' && r->next[1] == '\n' ? 2 : 1;
    r->line++;
}

static bool at_end_of_line(const struct reader *r)
{
    return *r->next == '\n' || *r->next == '\r';
}

static void skip_blanks(struct reader *r)
{
    while (r->next < r->end && is_blank(*r->next))
        r->next++;
}

/* Moves to the next character of a property: over blanks, empty lines and comments. False at the end. */
static bool find_line(struct reader *r)
{
    for (;;) {
        skip_blanks(r);
        if (r->next == r->end)
            return false;
        if (*r->next == '#' || *r->next == '!')
            while (r->next < r->end && !at_end_of_line(r))
                r->next++;
        else if (!at_end_of_line(r))
            return true;
        if (r->next < r->end)
            end_line(r);
    }
}

/* Copies to `to`, which is not behind what is read, up to the end of the line. True when the line goes on in
 * the next: its end, and the backslash before that, are left out. *length is what was copied. */
static bool take_physical_line(struct reader *r, char *to, size_t *length)
{
    bool escaped = false;
    *length = 0;
    for (; r->next < r->end && !at_end_of_line(r); r->next++) {
        escaped = *r->next == '\\' && !escaped;
        to[(*length)++] = *r->next;
    }
    if (escaped)
        --*length;
    if (r->next == r->end)
        return false;
    end_line(r);
    return escaped;
}

/* Takes the property that begins here, its lines joined in place and terminated. False when there is nothing
 * of it: comments may follow such a line. */
static bool take_line(struct reader *r, char **line, size_t *length)
{
    size_t count;
    bool more;
    *line = r->next;
    *length = 0;
    do {
        more = take_physical_line(r, *line + *length, &count);
        *length += count;
        if (more && *length == 0)
            return false;
        if (more)
            skip_blanks(r);
    } while (more);
    (*line)[*length] = '\0';
    return *length > 0;
}

/* ---- escapes ---- */

/* Four hexadecimal digits; -1 where there are none. */
static int32_t read_unit(const char *text)
{
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef", *at;
        if (!text[i] || !(at = strchr(digits, tolower((unsigned char)text[i]))))
            return -1;
        unit = unit * 16 + (int32_t)(at - digits);
    }
    return unit;
}

static char *put_utf8(char *to, uint32_t c)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(length == 1 ? c : marks[length] | c);
    return to + length;
}

/* Takes the XXXX of \uXXXX at *from, with the second half of a surrogate pair, and moves behind it. */
static bool take_unicode(const char **from, char **to, struct error *error)
{
    int32_t unit = read_unit(*from), low;
    if (unit < 0)
        return error_set(error, "\\u is followed by four hexadecimal digits");
    *from += 4;
    if (unit >= 0xd800 && unit < 0xdc00 && strncmp(*from, "\\u", 2) == 0 &&
        (low = read_unit(*from + 2)) >= 0xdc00 && low < 0xe000) {
        *from += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    if (unit == 0 || (unit >= 0xd800 && unit < 0xe000))
        return error_set(error, "\\u%04X is not a character: a NUL, or half a surrogate pair",
                         (unsigned)unit);
    *to = put_utf8(*to, (uint32_t)unit);
    return true;
}

/* Replaces the escapes in place. */
static bool unescape(char *text, struct error *error)
{
    static const char letters[] = "tnrf", meanings[] = "\t\n\r\f";
    const char *from = text, *letter;
    char *to = text;
    while (*from) {
        if (*from & 0x80)
            return error_set(
                error,
                "a character beyond ASCII, which Java reads as ISO-8859-1 and others as UTF-8: write it as \\uXXXX");
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        from++;
        if (*from == 'u') {
            from++;
            if (!take_unicode(&from, &to, error))
                return false;
        } else if (*from && (letter = strchr(letters, *from))) {
            *to++ = meanings[letter - letters];
            from++;
        } else if (isalnum((unsigned char)*from))
            return error_set(
                error,
                "a backslash that begins none of the escapes \\t \\n \\r \\f \\uXXXX: write \\\\ for a backslash");
        else if (*from && !(*from & 0x80))
            *to++ = *from++;
    }
    *to = '\0';
    return true;
}

/* ---- names and values ---- */

/* Cuts the line in two: where the name ends it is terminated, and the value is returned. */
static char *split(char *line)
{
    char *c = line;
    while (*c && !strchr("=: \t\f", *c))
        c += c[0] == '\\' && c[1] ? 2 : 1;
    char *end = c;
    c += strspn(c, blanks);
    if (*c == '=' || *c == ':')
        c++;
    c += strspn(c, blanks);
    *end = '\0';
    return c;
}

/* As String.trim() does it. */
static char *trim(char *text)
{
    while (*text && (unsigned char)*text <= ' ')
        text++;
    size_t length = strlen(text);
    while (length > 0 && (unsigned char)text[length - 1] <= ' ')
        text[--length] = '\0';
    return text;
}

static bool add_line(struct config_file *file, char *line, int number, struct error *error)
{
    struct error reason;
    char *value = split(line);
    bool escaped = strchr(value, '\\') != NULL;
    if (!unescape(line, &reason))
        return error_set(error, "in the name of a property: %s", reason.text);
    if (!unescape(value, &reason))
        return error_set(error, "%s: %s", line, reason.text);
    config_file_append(file,
                       &(struct config_entry){"", line, trim(value), .line = number, .escaped = escaped});
    return true;
}

static bool parse(struct config_file *file, char *text, size_t length, const char *path, struct error *error)
{
    struct reader reader = {text, text + length, 1};
    struct error reason;
    char *line;
    size_t line_length;
    while (find_line(&reader)) {
        int number = reader.line;
        if (!take_line(&reader, &line, &line_length))
            continue;
        bool ok = strlen(line) == line_length ? add_line(file, line, number, &reason)
                                              : error_set(&reason, "a NUL byte: the file must be text");
        if (!ok)
            return error_set(error, "%s:%d: %s", path, number, reason.text);
    }
    return true;
}

/* Is there a line that is [NAME]? */
static bool has_sections(const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text)), *last = newline ? newline : end;
        const char *first = text + strspn(text, " \t");
        while (last > first && strchr(" \t\r", last[-1]))
            last--;
        if (last - first >= 2 && *first == '[' && last[-1] == ']')
            return true;
        text = newline ? newline + 1 : end;
    }
    return false;
}

bool properties_file_read(const char *path, struct config_file *file, struct error *error)
{
    size_t length;
    char *text = config_file_load(path, file, &length, error);
    if (!text)
        return false;
    if (has_sections(text, length) ? config_file_parse(file, text, length, path, error)
                                   : parse(file, text, length, path, error))
        return true;
    config_file_free(file);
    return false;
}
