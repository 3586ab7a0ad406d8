/* librdkafka's clients; what fails ends the program with a message and status 1. */
#ifndef ROOMSTREAM_BENCH_KAFKA_CLIENT_H
#define ROOMSTREAM_BENCH_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

void bench_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/* Takes conf. */
rd_kafka_t *bench_open(rd_kafka_type_t type, rd_kafka_conf_t *conf);

/* Hands a record over, and serves delivery reports while the queue is full. key: NULL for none. */
void bench_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *key, const void *payload,
                   size_t size);

#endif
