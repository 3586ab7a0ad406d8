/* A Kafka message as one JSON object on one line, which kafka-produce --jsonl reads:
 *
 * {"topic":"t","partition":0,"offset":7,"timestamp":1764064800000,"key":"1",
 * "headers":[{"name":"n","value":"v"}],"value":"24.9"}
 *
 * A missing timestamp, key, value or header's value is null. What is not UTF-8 is written as base64 under the
 * name with _base64 added (json_stream.h). */
#ifndef ROOMSTREAM_KAFKA_CONSUME_JSON_H
#define ROOMSTREAM_KAFKA_CONSUME_JSON_H

#include "core/json_stream.h"

#include <librdkafka/rdkafka.h>

void json_print_message(const rd_kafka_message_t *message, json_write *write, void *context);

#endif
