/* What Kafka says of itself, as kcat -L shows it: brokers, the controller, topics, and their partitions with
 * leader, replicas, replicas in sync, and errors. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_LIST_H
#define ROOMSTREAM_KAFKA_CONSUME_LIST_H

#include "settings.h"

/* Prints that of the topics of the settings, of all topics without any, on standard output: as text, or as
 * one JSON object. Waits for an answer until the timeout, for 5 s without one, or until a stop is requested
 * (stop.h). Creates no topic. Returns the exit status: EXIT_FAILED, with a line in the log, also when a topic
 * that was asked for has an error, such as that it is missing. */
int list_run(const struct consume_settings *settings);

#endif
