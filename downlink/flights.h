/* Messages between Kafka and their outcome: they are translated, sent and settled, or become dead letters.
 *
 * Lifecycle: flights_open; flights_start for each message; flights_settle and flights_again now and then;
 * flights_close. The main thread. */
#ifndef ROOMSTREAM_DOWNLINK_FLIGHTS_H
#define ROOMSTREAM_DOWNLINK_FLIGHTS_H

#include "letters.h"
#include "partitions.h"
#include "sender.h"

#include "core/backoff.h"
#include "http/histogram.h"

struct flight;

struct flights {
    const struct downlink_settings *settings;
    struct sender *sender;
    struct letters *letters;
    struct counts *counts;
    struct histogram latency; /* from Kafka's timestamp to the acknowledgement */
    struct flight *all, *unused;
    struct flight *held;    /* could not be sent yet; the others wait for it */
    struct flight *refused; /* shall become dead letters; the others wait for that */
    size_t count, bytes;    /* in flight */
    int64_t pause; /* monotonic ns: nothing is sent before, since the broker refused a message for now */
    struct backoff backoff;
    struct record_space buffer;
    struct text_buffer topic, text;
    struct log_limit dead, left_out, refusals, stuck;
};

/* All arguments outlive the flights. */
void flights_open(struct flights *flights, const struct downlink_settings *settings, struct sender *sender,
                  struct letters *letters, struct counts *counts);
void flights_close(struct flights *flights);

/* May one more message be started? */
bool flights_have_room(const struct flights *flights);

/* Sends the message, which it takes over, or skips it or sets it aside. */
void flights_start(struct flights *flights, struct place *place, rd_kafka_message_t *message);

/* The same for what stands in the spool; false when there is nothing. One at a time. */
bool flights_start_letter(struct flights *flights);

/* Destroys the messages that are no longer ours to settle; their outcomes are of no interest. */
void flights_let_go(struct flights *flights);

/* Takes the outcomes that have come. */
void flights_settle(struct flights *flights);

/* Tries again what waits: to be sent, and to be set aside. `connects`: sender_connects before flights_settle
 * and partitions_rewind. On a later connection nothing is sent: what it has brought back goes first. */
void flights_again(struct flights *flights, uint64_t connects);

#endif
