/* The states of all bridges as a table of text. Pure functions. */
#ifndef ROOMSTREAM_TABLE_H
#define ROOMSTREAM_TABLE_H

#include "bridges.h"

#include <stdio.h>

struct table_style {
    size_t width; /* columns of the terminal: less important ones are left out until it fits; 0: no limit */
    size_t lines; /* of the terminal; SIZE_MAX: no limit */
    bool color;   /* ANSI colours */
    const char *line_end; /* what ends a line: "\n", or what a terminal needs besides */
};

/* Counts of what a table has or has not. */
struct table_parts {
    size_t not_well, well; /* bridges */
    size_t problems;
};

/* Writes a heading, a line for each bridge, and what is not well below. Where there are too few lines, first
 * the bridges that are not well have theirs, then the problems, then the other bridges; the order stays.
 * Returns what is left out. */
struct table_parts table_write(const struct bridge_state *states, size_t count,
                               const struct table_style *style, FILE *out);

#endif
