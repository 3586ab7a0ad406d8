/* The producer: from standard input or FILEs to Kafka. */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_PRODUCER_H
#define ROOMSTREAM_KAFKA_PRODUCE_PRODUCER_H

#include "settings.h"

/* Sends the lines or FILEs until their end, a signal (stop.h) or a failure, and waits for their
 * delivery reports; logs failures and a summary. Returns the exit status. */
int producer_run(const struct produce_settings *settings);

#endif
