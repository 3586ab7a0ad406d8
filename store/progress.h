/* What store has done and its positions, for its pages and for Kafka's group offset. Written by the
 * consumer's and the writer's thread, read by any; one mutex, held for moments. */
#ifndef ROOMSTREAM_STORE_PROGRESS_H
#define ROOMSTREAM_STORE_PROGRESS_H

#include "batch.h"

#include "http/histogram.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { PROGRESS_TROUBLE_SIZE = 640 };

/* A partition that was assigned to us since the start. */
struct progress_partition {
    const char *topic; /* lives as long as the program */
    int32_t partition;
    bool assigned;
    int64_t stored;    /* the position in the database; -1: not known, or none */
    int64_t committed; /* what Kafka's group was told last */
    int64_t timestamp; /* Kafka's of the last message stored, ms; 0: none yet */
    int64_t end;       /* behind the partition's last message, as far as we know; -1: not known */
};

/* Counters since the start of the process. consumed is always stored + rejected. */
struct progress_counts {
    uint64_t consumed, stored, rejected; /* messages, in transactions that are committed */
    uint64_t rows;                       /* of the table reading */
    uint64_t bytes;                      /* keys, payloads and headers of the messages */
    uint64_t transactions;
    uint64_t start_overs; /* batches that were dropped since another program had moved a position */
    uint64_t topics_recreated, expired_messages;
    uint64_t database_failures;
};

struct progress {
    pthread_mutex_t mutex;
    struct progress_counts counts;
    struct progress_partition *partitions; /* by the consumer's number */
    size_t partition_count, partition_room;
    bool database_up;
    int64_t database_since;                       /* monotonic ns: of that state */
    char database_trouble[PROGRESS_TROUBLE_SIZE]; /* "" for none */
    char kafka_trouble[PROGRESS_TROUBLE_SIZE];
    int64_t kafka_heard;           /* monotonic ns: of the last sign of life from Kafka; 0: none */
    uint64_t last_batch;           /* messages of the last transaction */
    int64_t beat;                  /* monotonic ns: the last step of the consumer's thread */
    struct histogram transactions; /* from begin to commit */
    struct histogram latency;      /* from Kafka's timestamp to the commit */
};

void progress_init(struct progress *progress);
void progress_free(struct progress *progress);

/* The number of a partition, which is new or was assigned before. The consumer's thread. */
size_t progress_partition(struct progress *progress, const char *topic, int32_t partition);

/* Messages [first, end) of the batch are committed. The writer's thread. */
void progress_committed(struct progress *progress, const struct batch *batch, size_t first, size_t end,
                        int64_t took);

/* The database answers ("" and NULL) or does not. */
void progress_database(struct progress *progress, const char *trouble);
void progress_kafka(struct progress *progress, const char *trouble);

/* Adds to a counter of progress->counts. */
void progress_count(struct progress *progress, uint64_t *counter, uint64_t number);

/* Messages and seconds that the partition is behind; -1 for what is not known. With the mutex held. */
double progress_lag(const struct progress_partition *partition);
double progress_lag_seconds(const struct progress_partition *partition);

#endif
