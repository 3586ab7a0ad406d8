/* The log of dead letters at the start of the spool, which stands in the same folder: a start that it would
 * stop must change nothing, so it is looked at before anything is changed. */
#ifndef ROOMSTREAM_SPOOL_DEAD_LETTERS_RECOVERY_H
#define ROOMSTREAM_SPOOL_DEAD_LETTERS_RECOVERY_H

#include "folder.h"

#include <uuid/uuid.h>

#define DEAD_LETTERS_NAME "dead-letters.log"

/* The log is a segment file whose ids need not follow. No segment of the spool begins with this one. */
#define DEAD_LETTERS_FIRST_ID UINT64_C(0)

enum letters_state {
    LETTERS_WHOLE,   /* or none, or with a torn end, which dead_letters_open cuts off */
    LETTERS_DAMAGED, /* *error tells where and what to do */
    LETTERS_REFUSED, /* another spool's or format version, or it cannot be read: *error */
};

/* Changes nothing. With `rebooted`, the letter at the end may be lost with the power in any way: it did not
 * count yet. */
enum letters_state dead_letters_check(const struct folder *folder, uuid_t uuid, bool rebooted,
                                      struct error *error);

/* The spool that the log belongs to. False when there is none, or no whole header. */
bool dead_letters_find_uuid(const struct folder *folder, uuid_t uuid);

/* Replaces the log by one with every whole letter in it, and keeps the damaged file as
 * dead-letters.log.corrupt (or .corrupt.2, ...). Logs what is kept. False with *error. */
bool dead_letters_repair(const struct folder *folder, uuid_t uuid, struct error *error);

#endif
