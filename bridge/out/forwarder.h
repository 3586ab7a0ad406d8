/* The Kafka half of a bridge: a thread that reads the spool, produces, and advances the spool as Kafka
 * acknowledges. */
#ifndef ROOMSTREAM_BRIDGE_OUT_FORWARDER_H
#define ROOMSTREAM_BRIDGE_OUT_FORWARDER_H

#include "bridge/seen/counters.h"
#include "bridge/settings.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

#include <stdbool.h>

struct forwarder;

/* Makes the producer and starts the thread; Kafka may be down. settings->mqtt.client_id names the bridge to
 * Kafka. All arguments must outlive it. NULL with *error on a bad configuration. */
struct forwarder *forwarder_open(const struct bridge_settings *settings, struct spool *spool,
                                 struct dead_letters *letters, struct counters *counters,
                                 struct error *error);

/* Changes with every pass and every wait of the thread: at the latest every few seconds, however long Kafka
 * is down. Any thread. */
uint64_t forwarder_beat(const struct forwarder *forwarder);

/* True once it cannot continue (logged). Any thread. */
bool forwarder_failed(const struct forwarder *forwarder);

/* Delivers what is spooled, for at most `timeout` ns and the few seconds that a current call to Kafka and the
 * last delivery reports may take, then stops the thread. What Kafka has not acknowledged stays in the spool.
 */
void forwarder_stop(struct forwarder *forwarder, int64_t timeout);

/* Frees a forwarder that is stopped. */
void forwarder_close(struct forwarder *forwarder);

#endif
