/* Logs which lines, or files, were not delivered, and why. Neighbours with the same reason share a log line.
 * One thread. */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_FAILURES_H
#define ROOMSTREAM_KAFKA_PRODUCE_FAILURES_H

#include <stdint.h>

struct failures {
    char *const *names;   /* of whole files, that of the first one first; NULL: they are lines */
    uint64_t first, last; /* lines not logged yet; 0: none */
    char reason[512];     /* theirs */
};

/* That line was not delivered. Lines may come in any order. */
void failures_add(struct failures *failures, uint64_t line, const char *reason);

/* Logs what is not logged yet. */
void failures_log(struct failures *failures);

#endif
