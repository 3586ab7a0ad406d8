/* The greatest ids of a set that may be large, in bounded memory. Not thread-safe. */
#ifndef ROOMSTREAM_SPOOL_ID_SET_H
#define ROOMSTREAM_SPOOL_ID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_SET_SIZE 65536

/* Zero-initialized is empty. */
struct id_set {
    uint64_t *ids; /* ascending */
    size_t count, capacity;
    bool complete_above_only; /* smaller ids than the first were dropped */
};

void id_set_free(struct id_set *set);

/* Makes room for one more id, so that the next id_set_add cannot fail. False when memory is exhausted. */
bool id_set_reserve(struct id_set *set);
void id_set_add(struct id_set *set, uint64_t id);

enum id_set_answer { ID_SET_NO, ID_SET_YES, ID_SET_UNKNOWN /* it is below what is remembered */ };

enum id_set_answer id_set_holds(const struct id_set *set, uint64_t id);

#endif
