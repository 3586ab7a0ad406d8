/* What downlink has done since its start, and the state of a partition. For the main thread. */
#ifndef ROOMSTREAM_DOWNLINK_COUNTS_H
#define ROOMSTREAM_DOWNLINK_COUNTS_H

#include <stdint.h>

/* Messages of Kafka: consumed = sent + dead + skipped + returned + those in flight. */
struct counts {
    uint64_t consumed; /* taken from Kafka; counted again where they are read again */
    uint64_t sent;     /* acknowledged by the MQTT broker */
    uint64_t dead;     /* among the dead letters */
    uint64_t skipped;  /* brought in by a bridge, and left out */
    uint64_t returned; /* without an outcome: they are read again, by us or another member of the group */

    uint64_t bytes;            /* of the messages sent: keys and values */
    uint64_t headers_left_out; /* of messages that were sent */
    uint64_t retried;          /* dead letters that were put back, and sent */
    uint64_t expired;          /* messages that Kafka no longer had when they were to be read */
    uint64_t topics_recreated; /* partitions whose topic was created again */
    uint64_t partition_errors; /* that Kafka has told of */
    uint64_t commits, commits_failed;
    uint64_t mqtt_connects, mqtt_refusals; /* refusals that may pass */
};

static inline uint64_t counts_in_flight(const struct counts *counts)
{
    return counts->consumed - counts->sent - counts->dead - counts->skipped - counts->returned;
}

struct partition_view {
    char topic[250];
    int32_t partition;
    int64_t position;   /* all below it is settled; -1: not known yet */
    double lag;         /* messages behind the position; -1: not known */
    double lag_seconds; /* age of the last settled message while there are others behind it, else 0; -1: not
                           known */
};

#endif
