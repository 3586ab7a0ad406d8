/* Repair of a damaged segment: what is whole in it is kept. */
#ifndef ROOMSTREAM_SPOOL_SALVAGE_H
#define ROOMSTREAM_SPOOL_SALVAGE_H

#include "segment.h"

/* How far ids go on behind the last one found when some may be lost: whatever id a lost record had, it is
 * known elsewhere (Kafka), and must not be taken for a later one's. More records than can be written between
 * two syncs. */
#define SALVAGE_SKIPPED_IDS (UINT64_C(1) << 32)

struct salvage_order {
    const char *name; /* of the segment */
    uint64_t first_id;
    uint64_t followed_by; /* the next segment's first id; 0: there is none */
    bool ends_early;      /* more was stored in it, or behind it, than the file has */
    uint64_t position;    /* ids below it were used */
    bool keep;            /* the damaged file, as NAME.corrupt (or .corrupt.2, ...) */
};

/* Replaces the segment by one with every whole record in it. Gap records stand for the ids that are lost, up
 * to the next segment; since a release of a packet id may be among them, all packet ids are released there.
 * Where what stood at the end of the last one is lost, ids go on SALVAGE_SKIPPED_IDS further on. Logs what is
 * kept and lost. *unreleased tells the packet ids for its header if the damaged one does not. False with
 * *error, and nothing is changed. */
bool salvage_segment(const struct folder *folder, uuid_t uuid, const struct salvage_order *order,
                     struct unreleased *unreleased, struct error *error);

#endif
