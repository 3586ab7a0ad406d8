/* Properties, NAME=VALUE, in order of rising precedence, each with where the user set it. */
#ifndef ROOMSTREAM_OPTIONS_PROPERTY_LIST_H
#define ROOMSTREAM_OPTIONS_PROPERTY_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct property {
    const char *name, *value;
    const char *origin;  /* for messages, e.g. "client.properties:3" or "--kafka-property" */
    const char *section; /* of a properties file, "" for none; NULL where it was set elsewhere */
    bool escaped;        /* by backslashes of a properties file, which are not in `value` */
};

/* The list owns its strings. Zero-initialized is empty. */
struct property_list {
    struct property *items;
    size_t count;
};

/* Appends copies of these strings; ends the process when memory is exhausted (lists hold options, a few
 * strings). */
void property_list_append(struct property_list *list, const struct property *property);
void property_list_free(struct property_list *list);

#endif
