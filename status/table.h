/* The states of all bridges as a table of text. Pure functions.
 *
 * A new column: a line in `columns` in table.c, TABLE_COLUMNS here, its value in struct bridge_state
 * (bridges.h). */
#ifndef ROOMSTREAM_STATUS_TABLE_H
#define ROOMSTREAM_STATUS_TABLE_H

#include "bridges.h"

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 10, TABLE_CELL = 80 };

const char *table_title(size_t column);

/* Writes what stands in that column of a bridge's row, whatever characters it has. */
void table_cell(const struct bridge_state *state, size_t column, char cell[static TABLE_CELL]);

/* Writes a heading, a line for each bridge, and below them a line for each problem. */
void table_write(const struct bridge_state *states, size_t count, FILE *out);

#endif
