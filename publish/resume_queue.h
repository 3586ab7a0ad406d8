/* Messages that Paho has taken and not sent yet. With a persistence it keeps them there instead of in memory;
 * this one keeps them in memory all the same, since what never was on the wire is made again after a kill.
 *
 * Paho asks for each once, in the order in which it took them. Threads: any. */
#ifndef ROOMSTREAM_RESUME_QUEUE_H
#define ROOMSTREAM_RESUME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct resume_queue;

/* Holds at most `capacity` messages; when there are more, the oldest, which Paho has dropped, is forgotten.
 * NULL when memory is exhausted. */
struct resume_queue *resume_queue_new(size_t capacity);
void resume_queue_free(struct resume_queue *queue);

/* Copies the pieces. False when memory is exhausted. */
bool resume_queue_put(struct resume_queue *queue, const char *key, int count, char *const pieces[],
                      const int lengths[]);

/* Hands over the message (MQTTAsync_free is the caller's) and forgets those before it. NULL when there is
 * none with that key. */
char *resume_queue_take(struct resume_queue *queue, const char *key, int *length);

/* Forgets all. The last client of the process must still be there: Paho's memory goes with it. */
void resume_queue_clear(struct resume_queue *queue);

#endif
