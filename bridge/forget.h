/* `bridge --forget`: retires a bridge for good. */
#ifndef ROOMSTREAM_BRIDGE_FORGET_H
#define ROOMSTREAM_BRIDGE_FORGET_H

#include "settings.h"

/* Ends the session at the MQTT broker, with all that the broker keeps for it, then removes the spool, and
 * says what was thrown away. Refused, without a change, while the bridge runs and, unless settings->discard
 * says so, while the spool holds messages or dead letters. `name` is the program's. Returns the exit status.
 */
int forget(struct bridge_settings *settings, const char *name);

#endif
