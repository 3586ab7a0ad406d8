/* The bridges to ask: addresses given by the user, or a file, or those found on this machine. */
#ifndef ROOMSTREAM_STATUS_TARGETS_H
#define ROOMSTREAM_STATUS_TARGETS_H

#include "core/error.h"
#include "http/address.h"
#include "settings.h"

#include <stdbool.h>
#include <stddef.h>

struct target {
    char address[HTTP_ADDRESS_SIZE];
    char name[64]; /* the label of its kind in the file, "" where there is none */
};

/* What a program that is asked may be, NULL-terminated: a label in the file, and the member of its /status
 * that names it. */
extern const char *const target_kinds[];

struct targets {
    struct target *items;
    size_t count;
};

/* Reads them. False with *error, also when there are none: the program is used wrongly. */
bool targets_read(const struct status_settings *settings, struct targets *targets, struct error *error);
void targets_free(struct targets *targets);

#endif
