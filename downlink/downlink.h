/* The program: from Kafka to MQTT. */
#ifndef ROOMSTREAM_DOWNLINK_DOWNLINK_H
#define ROOMSTREAM_DOWNLINK_DOWNLINK_H

#include "settings.h"

/* Runs until it is asked to stop, or cannot continue. Returns the exit status. */
int downlink_run(struct downlink_settings *settings);

#endif
