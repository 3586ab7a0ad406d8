/* Repair of a damaged segment: its whole records are kept. */
#ifndef ROOMSTREAM_SPOOL_SALVAGE_H
#define ROOMSTREAM_SPOOL_SALVAGE_H

#include "segment.h"

/* How far ids continue after the last one found when some may be lost. Kafka may know the id of a lost
 * record, so no later record may have it. This is more records than can be written between two syncs. */
#define SALVAGE_SKIPPED_IDS (UINT64_C(1) << 32)

struct salvage_order {
    const char *name; /* of the segment */
    uint64_t first_id;
    uint64_t followed_by; /* the next segment's first id; 0: there is none */
    bool ends_early;      /* more was stored in it, or after it, than the file has */
    uint64_t position;    /* ids below it were used */
    bool keep;            /* the damaged file, as NAME.corrupt (or .corrupt.2, ...) */
};

/* Replaces the segment by one with every whole record in it. Gap records stand for the ids that are lost, up
 * to the next segment; since a release of a packet id may be among them, all packet ids are released there.
 * Where the end of the last segment is lost, ids continue SALVAGE_SKIPPED_IDS further on. Logs what is kept
 * and lost. *unreleased has the packet ids for its header if the damaged header does not. False with *error,
 * and nothing is changed. */
bool salvage_segment(const struct folder *folder, uuid_t uuid, const struct salvage_order *order,
                     struct unreleased *unreleased, struct error *error);

#endif
