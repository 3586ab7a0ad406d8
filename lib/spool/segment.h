/* One segment file: a header, then records (docs/spool-format.md). A header says which spool the segment
 * belongs to, and which packet ids were unreleased when it began, so that older segments can be removed. */
#ifndef ROOMSTREAM_SPOOL_SEGMENT_H
#define ROOMSTREAM_SPOOL_SEGMENT_H

#include "folder.h"
#include "record.h"
#include "unreleased.h"

struct segment {
    int fd;
    uint64_t first_id;
    uint64_t seed;         /* for the checksums of its records */
    int64_t header_length; /* in bytes: where the first record begins */
    int64_t end;           /* after the last whole record */
    bool cut_due;          /* a failed write left something after the end */
};

/* Creates NAME.tmp with a header only, open for appending; folder_put_in_place gives it its name when it is
 * complete. Nothing is synced. False with errno, and nothing remains. */
bool segment_create(const struct folder *folder, const char *name, const uuid_t uuid, uint64_t first_id,
                    const struct unreleased *unreleased, struct segment *segment);

enum segment_status {
    SEGMENT_OPEN,
    SEGMENT_BAD,      /* the header is damaged: *error */
    SEGMENT_MISNAMED, /* the header says that it begins with another id, segment->first_id: *error */
    SEGMENT_REFUSED,  /* another format version, or another spool's: *error */
    SEGMENT_FAILED,   /* it cannot be opened or read: *error */
};

/* Opens the file NAME and checks its header. `end` is then the file's length. *unreleased, which may be NULL,
 * becomes what the header lists. With `any_spool`, uuid is set from the header instead of compared with it.
 * Unless SEGMENT_OPEN is returned, segment->fd is -1. */
enum segment_status segment_open(const struct folder *folder, const char *name, uuid_t uuid, bool any_spool,
                                 uint64_t first_id, bool writable, struct segment *segment,
                                 struct unreleased *unreleased, struct error *error);

/* Appends the record with this id at the end and returns its length in *length; the caller then commits it by
 * moving the end. False with errno: what was written of it is cut off again, at once or, if that fails too,
 * before the next append. */
bool segment_append(struct segment *segment, const struct spool_record *record, uint64_t id, int64_t *length);

/* Cuts off what is after the end. False with errno: the next append tries again. */
bool segment_cut(struct segment *segment);

/* The same after a write that failed, whose errno is kept. Returns false. */
bool segment_undo(struct segment *segment);

/* Closes a segment that was created and is not put in place, and removes its file. Keeps errno. */
void segment_drop(const struct segment *segment, const struct folder *folder, const char *name);

#endif
