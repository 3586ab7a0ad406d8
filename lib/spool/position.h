/* The position file: how far the spool is delivered and how far it is durable (docs/spool-format.md). Its two
 * slots are written in turn, so that one is whole whatever interrupts a write. */
#ifndef ROOMSTREAM_SPOOL_POSITION_H
#define ROOMSTREAM_SPOOL_POSITION_H

#include "folder.h"

#include <uuid/uuid.h>

struct position {
    uuid_t uuid;
    uint64_t sequence;        /* counts the writes: the slot with the greater one is valid */
    uint64_t id;              /* the lowest id not yet delivered */
    uint64_t delivered, dead; /* messages below it, by their outcome */
    uint64_t synced_segment;  /* everything in the segments before this one is durable, ... */
    int64_t synced_end;       /* ... and in it everything before this offset */
    uuid_t boot_id;           /* the start of the machine in which this was written */
    bool clean;               /* closed, and everything is durable: nothing can have been lost */
};

/* Was the byte at this offset of the segment durable, according to the position? */
bool position_is_synced(const struct position *position, uint64_t segment, int64_t offset);

enum position_status {
    POSITION_READ,
    POSITION_MISSING,
    POSITION_BAD,     /* neither slot is whole: *error */
    POSITION_REFUSED, /* another format version: *error */
    POSITION_FAILED,  /* *error */
};

enum position_status position_read(const struct folder *folder, struct position *position,
                                   struct error *error);

/* Creates or replaces the file, durably. False with *error. */
bool position_create(const struct folder *folder, const struct position *position, struct error *error);

/* Opens it for position_write: a descriptor, or -1 with *error. */
int position_open(const struct folder *folder, struct error *error);

/* Writes to the older slot and counts the sequence up, with one pwrite(). Nothing is synced. False with
 * errno: the other slot still has the last complete write. */
bool position_write(int fd, struct position *position);

#endif
