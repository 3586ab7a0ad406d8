/* Exactly-once forwarding: Kafka transactions that commit the spool's position together with the records, as
 * the offset of a consumer group (group: the bridge's id; partition 0 of --position-topic; metadata: the
 * spool's uuid). After a kill the committed position says what is in Kafka. KIP-98 and KIP-447 describe the
 * mechanism. */
#ifndef ROOMSTREAM_BRIDGE_OUT_EXACTLY_ONCE_H
#define ROOMSTREAM_BRIDGE_OUT_EXACTLY_ONCE_H

#include "delivery.h"

/* Opens the first producer. settings->mqtt.client_id is the transactional.id and the group. The arguments
 * must outlive the result, which delivery_close frees. NULL with *error on a bad configuration. */
struct delivery *exactly_once_open(const struct bridge_settings *settings, struct spool *spool,
                                   struct dead_letters *letters, struct counters *counters,
                                   struct error *error);

#endif
