/* A bridge: spool, receiver and forwarder together, from opening to closing. */
#ifndef ROOMSTREAM_BRIDGE_BRIDGE_H
#define ROOMSTREAM_BRIDGE_BRIDGE_H

#include "settings.h"

/* Runs until a stop is requested (stop.h) or until it cannot continue. Returns the exit status. Ends the
 * process itself when a message that cannot be stored prevents an orderly end. */
int bridge_run(struct bridge_settings *settings, const char *name);

/* Sets the client id that belongs to the spool, where the user has chosen none. It lives until exit. `name`
 * is the program's. */
void bridge_choose_client_id(struct bridge_settings *settings, const char *name, const struct spool *spool);

#endif
