/* The replay: reads rows, makes messages, waits until each is due, and sees each to the broker. */
#ifndef ROOMSTREAM_PUBLISH_PUBLISHER_H
#define ROOMSTREAM_PUBLISH_PUBLISHER_H

#include "core/log.h"
#include "mqtt/settings.h"
#include "settings.h"

/* Runs until every message is acknowledged or stopping is asked for (stop.h), and returns the process's exit
 * status: EXIT_DONE when all that was published is acknowledged, else EXIT_FAILED; why has been logged. */
int publisher_run(const char *program, const struct publish_settings *settings,
                  const struct mqtt_settings *mqtt, const struct log_settings *log);

#endif
