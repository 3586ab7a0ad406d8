/* Messages of numbered lines in flight to Kafka, each until its outcome is known. What is in flight is
 * bounded by librdkafka's queue (queue.buffering.max.messages, .kbytes).
 *
 * Where Kafka refuses a batch for good, the client stops there (librdkafka's enable.gapless.guarantee), so
 * that nothing overtakes it. Other clients replace it, and send its messages, and those behind, in groups
 * (refused.h). Each group waits for the outcome of the one before. Only then are new messages accepted. One
 * thread. */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_DELIVERY_H
#define ROOMSTREAM_KAFKA_PRODUCE_DELIVERY_H

#include "failures.h"
#include "message.h"
#include "refused.h"
#include "settings.h"

struct delivery {
    const struct produce_settings *settings;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_headers_t *headers;           /* of every message; NULL: none */
    int64_t longest;                       /* bytes that a message may have: message.max.bytes */
    int64_t time_limit;                    /* ns that a message may take: message.timeout.ms; 0: no limit */
    uint64_t in_flight, delivered, failed; /* in flight: without outcome */
    uint64_t handed_over;                  /* of those in flight, librdkafka has these */
    struct refused refused;                /* and these must be retried */
    bool stops;                            /* the client stops at a refused batch */
    bool broken;                           /* a stopped client could not be replaced */
    bool giving_up;                        /* what librdkafka drops has failed */
    struct failures failures;
};

/* False with *error; delivery_close must be called all the same. */
bool delivery_open(struct delivery *delivery, const struct produce_settings *settings, struct error *error);
void delivery_close(struct delivery *delivery);

/* Copies the line's message and frees the original. False, and the message is unchanged, when as much as
 * allowed is in flight, or while the messages of a refused batch are retried: poll and try again. A message
 * that can never be accepted counts as failed. */
bool delivery_send(struct delivery *delivery, uint64_t line, struct message *message);

/* The line was not sent; `reason` is the end of a sentence, such as "not sent: ...". */
void delivery_fail(struct delivery *delivery, uint64_t line, const char *reason);

/* The line was not sent: its `length` bytes are more than a message may have. */
void delivery_refuse(struct delivery *delivery, uint64_t line, size_t length);

/* Serves delivery reports, waiting up to `timeout` ns for the first. */
void delivery_poll(struct delivery *delivery, int64_t timeout);

/* Sends at once what lingers (linger.ms is long: while messages wait longer than that behind the 5 requests
 * of an idempotent producer, librdkafka's thread polls without rest). Serves delivery reports for up to
 * `timeout` ns, or until nothing is in flight. With less than some milliseconds librdkafka's thread may not
 * notice in time. */
void delivery_flush(struct delivery *delivery, int64_t timeout);

/* Are messages of a refused batch being retried? Then delivery_flush is due. */
bool delivery_isolates(const struct delivery *delivery);

/* Gives up what is in flight; it counts as failed. */
void delivery_give_up(struct delivery *delivery);

/* True when librdkafka has given up this client: *error says why. */
bool delivery_fatal(const struct delivery *delivery, struct error *error);

#endif
