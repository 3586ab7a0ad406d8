/* The state of the programs as a table for the page, asked repeatedly as `status` does. A thread of its own.
 * Lifecycle: programs_open -> programs_write, any thread -> programs_close. */
#ifndef ROOMSTREAM_DASHBOARD_PROGRAMS_H
#define ROOMSTREAM_DASHBOARD_PROGRAMS_H

#include "core/error.h"
#include "status/settings.h"

#include <stdio.h>

struct programs;

/* Begins to ask. The settings outlive it. NULL with *error. */
struct programs *programs_open(const struct status_settings *settings, struct error *error);

/* Writes a JSON object on one line, in which the cells are as `status` prints them. */
void programs_write(struct programs *programs, FILE *out);

/* Rises with each answer. */
unsigned long programs_version(struct programs *programs);

/* Once stopping was asked for (stop.h). NULL is allowed. */
void programs_close(struct programs *programs);

#endif
