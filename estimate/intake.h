/* From the topics to moments: takes messages from Kafka, reads them, and joins them. One thread.
 *
 * Lifecycle: intake_open; intake_begin, also whenever it must begin again from what is committed; then
 * intake_take and intake_next until there is nothing; intake_close. */
#ifndef ROOMSTREAM_ESTIMATE_INTAKE_H
#define ROOMSTREAM_ESTIMATE_INTAKE_H

#include "figures.h"
#include "join.h"
#include "settings.h"

struct intake;

/* Both arguments outlive it. NULL with *error on a bad configuration. */
struct intake *intake_open(const struct estimate_settings *settings, struct figures *figures,
                           struct error *error);
void intake_close(struct intake *intake);

/* Forgets all, and continues behind what is committed in Kafka: *seq and *time are the last record's; 0:
 * there is none. False with *error when that is not possible now. Blocks for some seconds. */
bool intake_begin(struct intake *intake, uint64_t *seq, int64_t *time, struct error *error);

enum intake_result {
    INTAKE_IDLE,  /* there is nothing to take now */
    INTAKE_MORE,  /* there is more */
    INTAKE_AGAIN, /* call intake_begin: *error says why */
};

/* Takes some of what there is. Does not wait, but for Kafka's answer of a second once a minute. */
enum intake_result intake_take(struct intake *intake, struct error *error);

/* As join_next. */
bool intake_next(struct intake *intake, struct moment *moment, int64_t *due);

/* What is to be committed with a record: an offset and a position for each partition. The caller destroys the
 * list. */
rd_kafka_topic_partition_list_t *intake_offsets(const struct intake *intake, uint64_t seq, int64_t time);

/* Readable (POLLIN) when there is something to take. */
int intake_fd(const struct intake *intake);

/* Updates the figures that are not counters. */
void intake_measure(const struct intake *intake);

#endif
