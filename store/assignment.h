/* The partitions that the group has assigned to us: the position of each, and where to read on. For the
 * consumer's thread.
 *
 * Lifecycle: assignment_init, assignment_use; then assignment_gain and assignment_lose as the group says;
 * assignment_question and assignment_place for positions; assignment_accepts for each message;
 * assignment_tick once a second. At the end assignment_free. */
#ifndef ROOMSTREAM_STORE_ASSIGNMENT_H
#define ROOMSTREAM_STORE_ASSIGNMENT_H

#include "handover.h"
#include "progress.h"

#include <librdkafka/rdkafka.h>

enum place_state {
    PLACE_ELSEWHERE, /* of another member */
    PLACE_UNKNOWN,   /* ours, with its position not known yet */
    PLACE_ASKED,
    PLACE_READING,
};

struct place {
    size_t id; /* in progress */
    const char *topic;
    int32_t partition;
    enum place_state state;
    int64_t position; /* in the database, once all is written that was handed over; -1: none */
    int64_t from;     /* the smallest offset that is taken */
    int64_t
        mark;   /* of the message at position - 1, which is compared when it comes; 0: nothing is compared */
    bool again; /* it was read once more */
    bool fetched; /* librdkafka has it, and may read ahead */
};

struct assignment {
    rd_kafka_t *rk;
    struct progress *progress;
    struct place *places; /* by number of the partition in progress */
    size_t count;
    struct place *recent;               /* messages of a partition come in runs */
    bool asked;                         /* a question is on its way */
    int64_t next_question, next_commit; /* monotonic ns */
    size_t next_end;                    /* whose end is asked for next while they are not read */
    size_t next_behind;
};

void assignment_init(struct assignment *assignment, struct progress *progress);
void assignment_free(struct assignment *assignment);

/* Uses another client, or none (NULL): no partition is ours then. */
void assignment_use(struct assignment *assignment, rd_kafka_t *rk);

/* The group assigns or revokes partitions. */
void assignment_gain(struct assignment *assignment, const rd_kafka_topic_partition_list_t *list);
void assignment_lose(struct assignment *assignment, const rd_kafka_topic_partition_list_t *list);

/* Makes the question for all positions that are unknown; false: there are none, or one is on its way. */
bool assignment_question(struct assignment *assignment, struct question *question);

/* Reads on where the reply says; where the database has no position at the beginning, or at the end. */
void assignment_place(struct assignment *assignment, const struct question *reply, bool at_end);

/* The partition, or NULL where it is not ours to read now. */
struct place *assignment_find(struct assignment *assignment, const char *topic, int32_t partition);

/* Is the message the next one to store? Notices a topic that was created again. */
bool assignment_accepts(struct assignment *assignment, struct place *place,
                        const rd_kafka_message_t *message);

/* Kafka does not have the offset at which we want to read: finds out why, logs it, and reads on. */
void assignment_lost_offset(struct assignment *assignment, struct place *place);

/* Reads no more for now: the positions are to be asked for again. False when nothing was being read. */
bool assignment_let_go(struct assignment *assignment);

/* A partition of the batch of which Kafka has more, as far as is known; NULL: there is none. Another one each
 * time. */
const struct place *assignment_behind(struct assignment *assignment, const struct batch *batch);

/* Asks the partition's broker where the partition ends, and waits for that, at most 500 ms. */
void assignment_ask_end(struct assignment *assignment, const struct place *place);

/* Finds the ends of the partitions, and commits our positions to the group now and then. */
void assignment_tick(struct assignment *assignment);

/* Commits our positions to the group. */
void assignment_commit(struct assignment *assignment);

#endif
