/* The subscriber: from the connection's messages to standard output. */
#ifndef ROOMSTREAM_SUBSCRIBE_SUBSCRIBER_H
#define ROOMSTREAM_SUBSCRIBE_SUBSCRIBER_H

#include "settings.h"

/* Subscribes and prints until an end that the settings name, a signal (stop.h), the end of the output's
 * reader or a failure; logs failures. Returns the exit status. `name` is the program's. */
int subscriber_run(const char *name, const struct subscribe_settings *settings);

#endif
