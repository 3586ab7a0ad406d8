#include "pem.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 64 };

static const char blanks[] = " \t\r\n\f";

struct pen {
    char *to;
    size_t column;
};

/* Writes the base64 between begin and end in lines; a header such as Proc-Type: is not base64, and stays
 * unchanged. */
static void write_body(struct pen *pen, const char *begin, const char *end)
{
    for (const char *c = begin; c < end; c++) {
        if (strchr(blanks, *c))
            continue;
        *pen->to++ = *c;
        if (++pen->column % LINE == 0)
            *pen->to++ = '\n';
    }
    if (pen->column % LINE != 0)
        *pen->to++ = '\n';
    pen->column = 0;
}

static void write_line(struct pen *pen, const char *begin, const char *end)
{
    memcpy(pen->to, begin, (size_t)(end - begin));
    pen->to += end - begin;
    *pen->to++ = '\n';
}

/* After the five dashes that end the line of a mark; NULL where there are none. */
static const char *end_of_mark(const char *mark, size_t length)
{
    const char *dashes = strstr(mark + length, "-----");
    return dashes ? dashes + 5 : NULL;
}

char *pem_lines(const char *text, size_t *count)
{
    static const char begin_mark[] = "-----BEGIN ", end_mark[] = "-----END ";
    char *made = malloc(strlen(text) * 2 + 1); /* a newline for each character at most */
    struct pen pen = {made, 0};
    const char *begin, *body, *end, *next;
    if (!made)
        abort();
    *count = 0;
    while ((begin = strstr(text, begin_mark)) && (body = end_of_mark(begin, strlen(begin_mark))) &&
           (end = strstr(body, end_mark)) && (next = end_of_mark(end, strlen(end_mark)))) {
        write_line(&pen, begin, body);
        write_body(&pen, body, end);
        write_line(&pen, end, next);
        ++*count;
        text = next;
    }
    *pen.to = '\0';
    if (*count > 0)
        return made;
    free(made);
    return NULL;
}
