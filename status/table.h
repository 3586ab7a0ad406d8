/* The states of all bridges as a table of text. Pure functions. */
#ifndef ROOMSTREAM_STATUS_TABLE_H
#define ROOMSTREAM_STATUS_TABLE_H

#include "bridges.h"

#include <stdio.h>

/* Writes a heading, a line for each bridge, and below them a line for each problem. */
void table_write(const struct bridge_state *states, size_t count, FILE *out);

#endif
