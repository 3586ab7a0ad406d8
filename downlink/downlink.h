/* The program: from Kafka to MQTT. */
#ifndef ROOMSTREAM_DOWNLINK_DOWNLINK_H
#define ROOMSTREAM_DOWNLINK_DOWNLINK_H

#include "settings.h"

/* Runs until stopping is asked for, or until going on makes no sense. Returns the exit status. */
int downlink_run(struct downlink_settings *settings);

#endif
