/* The consumer: from Kafka to standard output. */
#ifndef ROOMSTREAM_KAFKA_CONSUME_CONSUMER_H
#define ROOMSTREAM_KAFKA_CONSUME_CONSUMER_H

#include "settings.h"

/* Consumes and prints until an end that the settings name, a signal (stop.h), the end of the output's reader
 * or a failure; logs failures. Returns the exit status. */
int consumer_run(const struct consume_settings *settings);

#endif
