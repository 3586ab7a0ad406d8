/* The QoS 2 packet ids that are stored and not yet released, in the order in which they were stored: a ring
 * of ids, linked by number. Every operation takes constant time, except those that list. */
#ifndef ROOMSTREAM_SPOOL_UNRELEASED_H
#define ROOMSTREAM_SPOOL_UNRELEASED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packet ids are 1 to 65,535, so 0 serves as the ring's head. Zero-initialized is empty. */
struct unreleased {
    uint16_t next[65536], previous[65536];
    uint32_t content[65536]; /* checksum of the message under each id; 0: not known */
    size_t count;
};

bool unreleased_holds(const struct unreleased *ids, uint16_t id);

/* Adds the id at the end. An id that is held keeps its place, but gets the new content. id is not 0. */
void unreleased_add(struct unreleased *ids, uint16_t id, uint32_t content);

/* Removes the id if it is held. */
void unreleased_remove(struct unreleased *ids, uint16_t id);

void unreleased_clear(struct unreleased *ids);

/* Writes them, oldest first; returns their number. */
size_t unreleased_list(const struct unreleased *ids, uint16_t *list);

#endif
