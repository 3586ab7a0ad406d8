/* Reads the payload of a message as readings. */
#ifndef ROOMSTREAM_STORE_READER_H
#define ROOMSTREAM_STORE_READER_H

#include "batch.h"

#include "core/error.h"
#include "core/json_pointer.h"

/* PAYLOAD_AUTO: what begins with { is JSON, with [ SenML, all else CSV. */
enum payload_format { PAYLOAD_AUTO, PAYLOAD_JSON, PAYLOAD_SENML, PAYLOAD_CSV };

/* The fields that are looked up in JSON. */
enum field { FIELD_TIME, FIELD_VALUE, FIELD_UNIT, FIELD_OCCUPANCY, FIELD_SEQ, FIELD_KEY, FIELD_NODE, FIELDS };

struct reader_settings {
    enum payload_format format;
    struct pointer fields[FIELDS]; /* of FIELD_KEY count 0: none, the key is Kafka's, or else the node */
    bool kafka_time;               /* the time is Kafka's timestamp, not the payload's */
    int64_t time_unit;             /* ns: of times that are numbers */
};

/* A message as it comes. */
struct incoming {
    const char *topic;
    struct bytes key, payload; /* absent where null */
    int64_t timestamp;         /* ms since 1970, -1: none */
};

/* Appends the message's readings to the last message of the batch. False with *reason when it cannot be
 * stored as it is: then batch_reject. */
bool reader_read(const struct reader_settings *settings, const struct incoming *incoming, struct batch *batch,
                 struct error *reason);

/* The readers of one format each, with the same contract. */
typedef bool payload_reader(const struct reader_settings *settings, const struct incoming *incoming,
                            struct batch *batch, struct error *reason);
payload_reader payload_json, payload_senml, payload_csv;

/* For these readers: Kafka's timestamp as the time of a reading. */
bool reader_kafka_time(const struct incoming *incoming, int64_t *ns, struct error *reason);

#endif
