/* Consumption as a member of a consumer group. A consumed position may not be committed yet: it is stored for
 * librdkafka's auto-commit (about once a second, and before a partition is given up) only when the caller
 * says that all messages so far are written. One thread. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_GROUP_H
#define ROOMSTREAM_KAFKA_CONSUME_GROUP_H

#include "core/error.h"
#include "core/text.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct group {
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *consumed; /* the next offset of each partition, since the last store */
    /* The messages of one partition come in runs: the position is put into the list at the end of a run. */
    rd_kafka_topic_t *topic; /* NULL: no run */
    int32_t partition;
    int64_t next;
};

/* Joins. False with *error. The client must outlive the group. */
bool group_join(struct group *group, rd_kafka_t *rk, const struct text_list *topics, struct error *error);

/* Notes that the message was consumed. */
void group_note(struct group *group, const rd_kafka_message_t *message);

/* What was noted may be committed. */
void group_store(struct group *group);

/* Forgets what was noted since the last store. */
void group_forget(struct group *group);

/* Commits what was stored and leaves; messages that still arrive are dropped. False with *error when that
 * takes too long. Only group_free may follow. */
bool group_leave(struct group *group, struct error *error);

/* Also for one that is zeroed. */
void group_free(struct group *group);

#endif
