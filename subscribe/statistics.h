/* Counts messages: how many, how fast, and by their sequence numbers (numbered.h) which are missing or
 * doubled. A sequence belongs to a topic, as publishers number their messages over all of their nodes;
 * messages and doubles are counted for each node as well.
 *
 * Bounded memory: at most 1,024 topics, 8 KiB each, and 4,096 nodes in all, with names of at most 1,024
 * bytes; the messages of further ones are counted, but not followed. */
#ifndef ROOMSTREAM_SUBSCRIBE_STATISTICS_H
#define ROOMSTREAM_SUBSCRIBE_STATISTICS_H

#include "mqtt/mqtt.h"

struct statistics;

/* Begins to count. NULL when there is no memory. */
struct statistics *statistics_new(void);

/* NULL is allowed. */
void statistics_free(struct statistics *statistics);

/* Any thread. */
void statistics_add(struct statistics *statistics, const struct mqtt_message *message);

/* Logs (at level info) what came since the last call, in a line. One thread. */
void statistics_log(struct statistics *statistics);

/* Logs a line for each topic and node, and the total. */
void statistics_log_total(struct statistics *statistics);

#endif
