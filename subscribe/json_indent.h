/* JSON without blanks, indented as it passes by: as mosquitto_sub --pretty does, a member of an object a
 * line, one tab for each level, lists on one line.
 *
 * Lifecycle: set write and context, the rest zero; json_indent for each piece. One thread. */
#ifndef ROOMSTREAM_SUBSCRIBE_JSON_INDENT_H
#define ROOMSTREAM_SUBSCRIBE_JSON_INDENT_H

#include "core/json_stream.h"

enum { JSON_INDENT_DEPTH = 2056 }; /* more than jansson takes, with ours around it */

struct json_indent {
    json_write *write; /* where it goes */
    void *context;
    bool in_string, escaped, opened;              /* opened: the last character began an object */
    unsigned depth;                               /* of objects and lists */
    unsigned char is_list[JSON_INDENT_DEPTH / 8]; /* a bit each */
};

/* A json_write; `indent` is a struct json_indent. The text is valid JSON. */
void json_indent(void *indent, const void *data, size_t length);

#endif
