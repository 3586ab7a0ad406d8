/* At-least-once forwarding: an idempotent producer and delivery reports. What is in flight when the process
 * is killed is produced again, so a kill doubles at most `window` messages here. */
#ifndef ROOMSTREAM_BRIDGE_OUT_AT_LEAST_ONCE_H
#define ROOMSTREAM_BRIDGE_OUT_AT_LEAST_ONCE_H

#include "delivery.h"

/* Opens the producer. The forwarder's thread alone uses what is opened. False with *error on a bad
 * configuration. */
bool at_least_once_open(struct delivery *delivery, const struct bridge_settings *settings,
                        struct spool *spool, struct dead_letters *letters, struct counters *counters,
                        struct error *error);

/* Produces what is new in the spool, serves delivery reports, saves the position. Blocks for some ms for the
 * reports, and while looking up or creating the topic; see also delivery_produce. */
struct pass at_least_once_pass(struct delivery *delivery);

#endif
