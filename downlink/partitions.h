/* The partitions that the group has assigned to us: their messages, taken one by one, and their positions,
 * committed in order. Each partition's messages wait in librdkafka's queue of that partition, which is
 * bounded, until they are taken: so nothing must be paused while nothing can be sent. The main thread.
 *
 * Lifecycle: partitions_init; partitions_use for each client; partitions_gain and partitions_lose as the
 * group says; partitions_take, and for each message partitions_done; partitions_rewind what must be taken
 * again; partitions_place and partitions_commit now and then; partitions_free. */
#ifndef ROOMSTREAM_DOWNLINK_PARTITIONS_H
#define ROOMSTREAM_DOWNLINK_PARTITIONS_H

#include "counts.h"
#include "offsets.h"

#include "core/log.h"
#include "kafka/errors.h"

#include <librdkafka/rdkafka.h>

struct place {
    char *topic;
    int32_t partition;
    bool assigned;
    uint32_t life; /* rises when what was taken is no longer ours to settle */
    bool failing;  /* since its last message or end, Kafka has told of errors only */
    bool rewind;   /* something must be taken again: partitions_rewind */
    struct offsets offsets;
    rd_kafka_queue_t *queue; /* while assigned */
    int64_t timestamp;       /* ms, of the last message settled; 0: none yet */
    int64_t end;             /* behind the last message of the partition; -1: not known */
    bool unplaced;           /* it is not known where to read: partitions_place */
};

struct partitions {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* to which answers come */
    struct counts *counts;
    int event;            /* raised when there are messages */
    bool at_end;          /* where to begin without a position */
    struct place **items; /* all that were ever assigned */
    size_t count, next, next_unplaced;
    int64_t ask; /* monotonic ns: Kafka is not asked for positions before, as it has not answered */
    char trouble[KAFKA_ERROR_SIZE]; /* what Kafka has said last of a partition that is failing */
    struct log_limit failing;
    bool committing; /* a commit is on its way */
};

void partitions_init(struct partitions *partitions, bool at_end, int event, struct counts *counts);

/* A new client, that has no partitions; NULL: there is none. Those of the one before are lost, and what was
 * taken of them is no longer ours to settle. */
void partitions_use(struct partitions *partitions, rd_kafka_t *rk, rd_kafka_queue_t *queue);
void partitions_free(struct partitions *partitions);

/* Called by the rebalance callback. To lose waits up to `commit_ns` for the commit of what is done; 0:
 * without a commit. */
void partitions_gain(struct partitions *partitions, rd_kafka_topic_partition_list_t *list);
void partitions_lose(struct partitions *partitions, rd_kafka_topic_partition_list_t *list, int64_t commit_ns);

/* The next message, and its partition, each in turn; NULL: there is none now. The caller destroys it. */
rd_kafka_message_t *partitions_take(struct partitions *partitions, struct place **place);

/* The message needs nothing more. */
void partitions_done(struct place *place, int64_t offset, int64_t timestamp);

/* Where place->rewind is set, all from the first message that is not done is taken again. */
void partitions_rewind(struct partitions *partitions);

/* How many messages were taken whose commit is not confirmed, and how many of these are done. */
size_t partitions_open(const struct partitions *partitions);
size_t partitions_waiting(const struct partitions *partitions);

/* Commits what is done, unless a commit is on its way. */
void partitions_commit(struct partitions *partitions);

/* Finds out where to read the partitions of which that is not known. Waits for Kafka for three seconds at
 * most; where it has not answered, the next second passes without asking. */
void partitions_place(struct partitions *partitions);

/* Call it about once a second. */
void partitions_tick(struct partitions *partitions);

/* Why a partition cannot be read now; "" where all can. */
const char *partitions_trouble(const struct partitions *partitions);

/* The state of the place, for pages. */
struct partition_view partitions_view(const struct place *place);

#endif
