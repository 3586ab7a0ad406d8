/* A consumer as a member of a consumer group.
 *
 * Lifecycle: kafka_new -> kafka_member_subscribe -> kafka_member_leave -> kafka_member_destroy. One thread.
 */
#ifndef ROOMSTREAM_KAFKA_MEMBER_H
#define ROOMSTREAM_KAFKA_MEMBER_H

#include "client.h"
#include "core/backoff.h"
#include "core/log.h"
#include "core/text.h"

/* The first defaults, for kafka_conf_new, of a daemon that keeps its position itself. After
 * session.timeout.ms another member takes over what a killed one had. */
#define KAFKA_MEMBER_DEFAULTS                                                                                \
    {.name = "fetch.max.bytes", .value = "1048576"},                                                         \
        {.name = "receive.message.max.bytes", .value = "100000000"},                                         \
        {.name = "topic.metadata.refresh.interval.ms", .value = "30000"},                                    \
        {.name = "statistics.interval.ms", .value = "1000"},                                                 \
        {.name = "session.timeout.ms", .value = "10000"},                                                    \
        {.name = "allow.auto.create.topics", .value = "false"},                                              \
    {                                                                                                        \
        .name = "socket.nagle.disable", .value = "true"                                                      \
    }

/* The first of what is required. position: why Kafka must not keep it by itself. unseen: why what is rolled
 * back must not be read. */
#define KAFKA_MEMBER_REQUIRED(position, unseen)                                                              \
    {.name = "enable.auto.commit", .value = "false", .why = (position)},                                     \
        {.name = "enable.auto.offset.store", .value = "false", .why = (position)},                           \
        {.name = "auto.offset.reset", .value = "error", .why = "what was lost in Kafka must be noticed"},    \
        {.name = "isolation.level", .value = "read_committed", .why = (unseen)},                             \
    {                                                                                                        \
        .name = "partition.assignment.strategy", .value = "cooperative-sticky",                              \
        .why = "partitions are taken and given up one by one"                                                \
    }

/* False with *error. A topic that begins with ^ is a regular expression. */
bool kafka_member_subscribe(rd_kafka_t *rk, const struct text_list *topics, struct error *error);

/* Leaves the group, waiting up to four seconds. Calls back for the partitions that go; messages that still
 * come at `queue` are dropped. False with *error: then the client must not be destroyed, which would wait for
 * Kafka for a minute. The end of the process ends it too. */
bool kafka_member_leave(rd_kafka_t *rk, rd_kafka_queue_t *queue, struct error *error);

/* As kafka_destroy. `assigned`: it was told at least once which partitions it has. Before that librdkafka <
 * 2.3 may abort the process with the strategy cooperative-sticky
 * (https://github.com/confluentinc/librdkafka/issues/4312): then the client is left to the end of the
 * process, and this returns false. */
bool kafka_member_destroy(rd_kafka_t *rk, bool assigned);

/* Another member has our group.instance.id. It is another program, or ourselves as we were: a Kafka that was
 * killed may have forgotten that we have taken the place of the one before. So the program joins again with a
 * new client, at longer and longer intervals, so that two programs do not throw each other out all the time.
 */
struct kafka_fencing {
    struct backoff backoff;
    int64_t last; /* monotonic ns; 0: never */
    struct log_limit log;
};

struct kafka_fencing kafka_fencing_new(void);

/* Is this the client's fatal error? */
bool kafka_is_fenced(rd_kafka_t *rk);

/* Call it when it is: logs that, and returns how many ns to wait before joining again. */
int64_t kafka_fenced(struct kafka_fencing *fencing);

#endif
