/* The log of dead letters when the spool is opened. A start that is refused must change nothing, so the log
 * is checked before anything in the folder is changed. */
#ifndef ROOMSTREAM_SPOOL_DEAD_LETTERS_RECOVERY_H
#define ROOMSTREAM_SPOOL_DEAD_LETTERS_RECOVERY_H

#include "folder.h"

#include <uuid/uuid.h>

#define DEAD_LETTERS_NAME "dead-letters.log"

/* The log is a segment file whose ids may have any order. No segment of the spool begins with this one. */
#define DEAD_LETTERS_FIRST_ID UINT64_C(0)

enum letters_state {
    LETTERS_WHOLE,   /* or there is no log, or its end is torn, which dead_letters_open cuts off */
    LETTERS_DAMAGED, /* *error says where and what to do */
    LETTERS_REFUSED, /* another spool's or format version, or it cannot be read: *error */
};

/* Changes nothing. With `rebooted`, the last letter may be damaged in any way by the power loss: it did not
 * count yet. */
enum letters_state dead_letters_check(const struct folder *folder, uuid_t uuid, bool rebooted,
                                      struct error *error);

/* The spool that the log belongs to. False when there is none, or no whole header. */
bool dead_letters_find_uuid(const struct folder *folder, uuid_t uuid);

/* Replaces the log by one with every whole letter in it, and keeps the damaged file as
 * dead-letters.log.corrupt (or .corrupt.2, ...). Logs what is kept. False with *error. */
bool dead_letters_repair(const struct folder *folder, uuid_t uuid, struct error *error);

#endif
