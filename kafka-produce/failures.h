/* Tells which lines were not delivered, and why. Neighbours with the same reason are told as one. One thread.
 */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_FAILURES_H
#define ROOMSTREAM_KAFKA_PRODUCE_FAILURES_H

#include <stdint.h>

struct failures {
    uint64_t first, last; /* lines not told yet; 0: none */
    char reason[512];     /* theirs */
};

/* That line was not delivered. Lines may come in any order. */
void failures_add(struct failures *failures, uint64_t line, const char *reason);

/* Tells (log.h) what is left to be told. */
void failures_tell(struct failures *failures);

#endif
