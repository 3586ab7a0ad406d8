/* The partitions of the topics that are read. All of them, without a consumer group that would share them
 * out: a moment has readings of all. Each partition has a queue of its own, so that one that is ahead can be
 * left alone. One thread.
 *
 * Lifecycle:
 *   source_open
 *   source_find     the partitions and what is committed for them; then, where to begin: `next` of each
 * partition source_start source_take   until there is nothing, then wait for source_fd source_stop     then
 * source_find again source_close */
#ifndef ROOMSTREAM_ESTIMATE_SOURCE_H
#define ROOMSTREAM_ESTIMATE_SOURCE_H

#include "position.h"

#include "core/text.h"
#include "kafka/client.h"

struct source_partition {
    const char *topic; /* as long as the source */
    int32_t number;
    int64_t low, high; /* offsets that there were when it was found */
    bool has_position; /* one that this program has committed: */
    int64_t committed; /* offset */
    struct position position;
    int64_t next; /* offset to read next */
    bool at_end;  /* there was nothing behind the last one read */
    bool held;    /* the caller's: nothing is to be taken from it */
    size_t held_by;
};

struct source;

/* `group` is whose committed offsets are asked for. `output` is the topic that is written: the group has a
 * position for its partition 0 too, which stays when the topics that are read are deleted. All arguments
 * outlive it. NULL with *error on a bad configuration. */
struct source *source_open(const struct kafka_settings *kafka, const char *group,
                           const struct text_list *topics, const char *output, struct error *error);
void source_close(struct source *source);

/* Looks up all partitions, their offsets, and what is committed. False with *error when Kafka does not answer
 * or a topic is missing. Blocks for some seconds. `next` is where to begin when nothing is known: the
 * beginning. */
bool source_find(struct source *source, struct error *error);

size_t source_count(const struct source *source);
struct source_partition *source_partition(struct source *source, size_t index);

/* The position with the last record that any partition has; of seq 0: there is none. */
struct position source_last(const struct source *source);

/* Begins to fetch at `next` of each partition. */
bool source_start(struct source *source, struct error *error);
void source_stop(struct source *source);

/* The next message of a partition that is not held, or NULL where there is none now. The caller destroys it.
 * One with an error is to be dealt with. */
rd_kafka_message_t *source_take(struct source *source, size_t *partition);

/* Readable (POLLIN) when there is something to take. */
int source_fd(const struct source *source);

/* How many messages are not read yet, as far as is known. Does not wait. */
int64_t source_lag(const struct source *source);

/* Have the topics got partitions that were not found? Asks Kafka, for a second at most. */
bool source_has_grown(const struct source *source);

#endif
