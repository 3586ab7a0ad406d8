/* Finds out at the start what the segments hold, and deals with what is torn, lost or damaged
 * (docs/spool-format.md, "Recovery"). */
#ifndef ROOMSTREAM_SCAN_H
#define ROOMSTREAM_SCAN_H

#include "internal.h"

/* What is found from the position on. */
struct scan {
    uint64_t next_id;
    uint64_t messages;
    int64_t oldest_time;      /* realtime ns of the first of them */
    struct record_place mark; /* where the position stands; segment 0: behind everything */
};

/* Reads the segments with these ascending first ids, `count` of them, from the one that holds
 * spool->saved.id. Those before it are removed; those from it on become spool->segments, with their lengths,
 * and spool->unreleased is what they leave unreleased. With `rebooted`, what was not synced may be lost. With
 * settings.repair, what is damaged is set aside, and spool->saved is corrected to fit what is left. False
 * with *error. */
bool spool_scan(struct spool *spool, const uint64_t *ids, size_t count, bool rebooted, struct scan *scan,
                struct error *error);

#endif
