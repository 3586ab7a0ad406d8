/* What a replay came to: one line for people, one small file for scripts. */
#ifndef ROOMSTREAM_PUBLISH_SUMMARY_H
#define ROOMSTREAM_PUBLISH_SUMMARY_H

#include "core/error.h"

#include <stdint.h>

struct summary {
    uint64_t published; /* messages handed to the broker, each counted once */
    uint64_t
        acknowledged; /* of these; at QoS 0, which has no acknowledgements, those handed to the library */
    int qos;
    uint64_t resent;        /* times that one was sent again because the broker had forgotten it */
    uint64_t rows;          /* of the file, read and in order */
    uint64_t bad_rows;      /* skipped */
    uint64_t late;          /* messages sent noticeably after they were due */
    const uint64_t *faults; /* readings with each fault, FAULT_KINDS of them; NULL: none are simulated */
    int64_t duration;       /* ns, from the first connection to the last acknowledgement */
};

/* Logs it as one line. */
void summary_log(const struct summary *summary);

/* Writes it as key=value lines (published, acknowledged, resent, rows, bad_rows, late, seconds,
 * and, where faults are simulated, fault_KIND of each). The file
 * appears as a whole or not at all: one that is there is replaced. False with *error when it cannot be
 * written. */
bool summary_write(const struct summary *summary, const char *path, struct error *error);

#endif
