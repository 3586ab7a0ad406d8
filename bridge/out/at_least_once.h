/* At-least-once forwarding: an idempotent producer and delivery reports. What is in flight when the process
 * is killed is produced again, so a kill doubles at most `window` messages here. */
#ifndef ROOMSTREAM_BRIDGE_OUT_AT_LEAST_ONCE_H
#define ROOMSTREAM_BRIDGE_OUT_AT_LEAST_ONCE_H

#include "delivery.h"

/* Opens the first producer. The arguments must outlive the result, which delivery_close frees. NULL with
 * *error on a bad configuration. */
struct delivery *at_least_once_open(const struct bridge_settings *settings, struct spool *spool,
                                    struct dead_letters *letters, struct counters *counters,
                                    struct error *error);

#endif
