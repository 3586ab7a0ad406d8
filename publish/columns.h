/* Which columns of the file are published, and for which node of the sensor network each stands. */
#ifndef ROOMSTREAM_PUBLISH_COLUMNS_H
#define ROOMSTREAM_PUBLISH_COLUMNS_H

#include "core/error.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

struct column {
    char *name;
    int64_t node;
};

struct columns {
    struct column *items;
    size_t count;
};

/* Reads NAME:NODE items, several in one text separated by commas. A name may itself hold colons and commas:
 * it ends at the first colon that is followed by a whole number and a comma or the end. Nodes differ from
 * each other. False with *error otherwise. */
bool columns_parse(const struct text_list *texts, struct columns *columns, struct error *error);

/* Keeps only the columns of the nodes in the comma-separated lists; all where the list is empty. False with
 * *error when one has no column. */
bool columns_select(struct columns *columns, const struct text_list *nodes, struct error *error);

void columns_free(struct columns *columns);

#endif
