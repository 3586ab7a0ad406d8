/* Readings that are held back, to be sent after later ones. First in, first out. One thread. */
#ifndef ROOMSTREAM_PUBLISH_LATE_H
#define ROOMSTREAM_PUBLISH_LATE_H

#include "message.h"

#include <stdbool.h>
#include <stdint.h>

struct late;

/* Room for `size` readings. NULL when memory is exhausted. */
struct late *late_new(size_t size);
void late_free(struct late *late);

/* How many are held. */
size_t late_count(const struct late *late);

/* Copies the message, which is due with that row; rows do not go down. */
void late_hold(struct late *late, const struct message *message, uint64_t due);

/* Takes the first out if it is due with the row or before. */
bool late_take(struct late *late, uint64_t row, struct message *message);

#endif
