/* `bridge --print-routes TOPIC...`: where messages would go. */
#ifndef ROOMSTREAM_BRIDGE_ROUTES_PRINT_H
#define ROOMSTREAM_BRIDGE_ROUTES_PRINT_H

#include "bridge/settings.h"

/* Prints a line for each topic: the Kafka topic, the key and the route, or why there is none. Returns the
 * exit status: EXIT_FAILED when a message would go nowhere. */
int print_routes(const struct bridge_settings *settings);

#endif
