/* Reads the segments at the start, and decides what is torn, lost or damaged (docs/spool-format.md,
 * "Recovery"). */
#ifndef ROOMSTREAM_SPOOL_SCAN_H
#define ROOMSTREAM_SPOOL_SCAN_H

#include "internal.h"

/* What is found from the position on. */
struct scan {
    uint64_t next_id;
    uint64_t messages;
    int64_t oldest_time;      /* realtime ns of the first of them */
    struct record_place mark; /* where the position is; segment 0: after everything */
    size_t start;             /* the segments before this one, by index, are delivered */
    size_t damaged;           /* segments that have to be rewritten */
};

struct scan_settings {
    const uint64_t *ids; /* first ids of the segments, ascending */
    size_t count;
    bool rebooted;          /* what was not synced may be lost */
    bool position_is_known; /* spool->saved comes from the position file */
    bool rewrite;           /* damaged segments, else nothing is changed */
};

/* Reads the segments from the one that holds spool->saved.id on. They become spool->segments, with the
 * lengths of what is whole in them (the last one may be longer), and spool->unreleased is what they leave
 * unreleased. Damage is an error unless settings.repair is set, or the power was lost before it was synced:
 * then it is counted, and repaired with `rewrite`; spool->saved is adapted to what is left. False with
 * *error. */
bool spool_scan(struct spool *spool, const struct scan_settings *settings, struct scan *scan,
                struct error *error);

#endif
