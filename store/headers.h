/* Headers of a Kafka message as JSON. */
#ifndef ROOMSTREAM_STORE_HEADERS_H
#define ROOMSTREAM_STORE_HEADERS_H

#include "batch.h"

#include <librdkafka/rdkafka.h>

/* [{"name": ..., "value": ...}, ...], in the batch's memory: value is null where Kafka has null, and stands
 * as value_base64 where it is not a text without NUL bytes. */
struct bytes headers_json(struct batch *batch, const rd_kafka_message_t *message);

#endif
