/* At-least-once forwarding: an idempotent producer and delivery reports. What is in flight when the process
 * is killed is produced again, so a kill doubles at most `window` messages here. */
#ifndef ROOMSTREAM_AT_LEAST_ONCE_H
#define ROOMSTREAM_AT_LEAST_ONCE_H

#include "forwarding.h"

/* Opens the producer. The forwarder's thread alone uses what is opened. False with *error on a bad
 * configuration. */
bool at_least_once_open(struct forwarding *forwarding, const struct bridge_settings *settings,
                        struct spool *spool, struct dead_letters *letters, struct metrics *metrics,
                        struct error *error);

/* Produces what is new in the spool, serves delivery reports, saves the position. Blocks for some ms for the
 * reports, and while looking up or creating the topic; see also forwarding_produce. */
struct pass at_least_once_pass(struct forwarding *forwarding);

#endif
