/* `bridge --dead-letters ACTION`: what can be done about messages that Kafka could never take. */
#ifndef ROOMSTREAM_BRIDGE_DEAD_LETTER_TOOL_H
#define ROOMSTREAM_BRIDGE_DEAD_LETTER_TOOL_H

#include "settings.h"

/* Does what settings->dead_letters says, on stdout. Returns the exit status. A retry that is killed between
 * putting a message back and removing its letter leaves both. */
int dead_letter_tool(const struct bridge_settings *settings);

#endif
