/* Which segments there are, oldest first. The last one is being appended to. Not thread-safe. */
#ifndef ROOMSTREAM_SPOOL_SEGMENT_LIST_H
#define ROOMSTREAM_SPOOL_SEGMENT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segment_entry {
    uint64_t first_id;
    int64_t end; /* its length in bytes; the last one's grows and is kept elsewhere */
};

/* Zero-initialized is empty. */
struct segment_list {
    struct segment_entry *entries;
    size_t count, capacity;
};

void segment_list_free(struct segment_list *list);

/* Makes room for one more, so that the next segment_list_add cannot fail. False when memory is exhausted. */
bool segment_list_reserve(struct segment_list *list);
void segment_list_add(struct segment_list *list, uint64_t first_id, int64_t end);
void segment_list_remove_first(struct segment_list *list);

/* The index of the segment that holds this id, or will: the last one that does not begin after it; count if
 * there is none. */
size_t segment_list_find(const struct segment_list *list, uint64_t id);

#endif
