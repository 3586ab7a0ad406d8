/* What a bridge is subscribed to, kept beside its spool since the broker keeps the session: filters that an
 * earlier start had and this one has not are unsubscribed from. And which copy of a message counts where
 * filters overlap.
 *
 * A broker may send a message that several filters match once, with the Subscription Identifiers of all, or
 * once for each, with the one identifier of that filter (MQTT 5 section 3.3.4). An identifier stands for a
 * filter and its elders (route_filter) for ever. A message with exactly one identifier whose filter has an
 * elder that matches too is a copy: the other one comes under the elder's. Any other message counts. So a
 * copy that was queued before the routes changed is judged as it was meant. Where Mosquitto sends one copy
 * alone it is the eldest one's (route_filters).
 *
 * Where routes change, the new identifiers are asked for in the order of the filters, elders first, and only
 * then is anything given up. In between a message may come twice, and is never dropped twice.
 *
 * Lifecycle: subscriptions_open -> subscriptions_is_copy, subscriptions_granted -> subscriptions_close. Under
 * Paho's lock but for the first and the last. */
#ifndef ROOMSTREAM_BRIDGE_IN_SUBSCRIPTIONS_H
#define ROOMSTREAM_BRIDGE_IN_SUBSCRIPTIONS_H

#include "bridge/settings.h"
#include "mqtt/mqtt.h"

struct subscriptions;

/* Reads the list in the spool's folder and writes the new one, in which nothing is given up yet. NULL with
 * *error. */
struct subscriptions *subscriptions_open(const struct bridge_settings *settings, struct error *error);
void subscriptions_close(struct subscriptions *subscriptions);

/* Fills in the filters, their identifiers and what to unsubscribe from. */
void subscriptions_set(const struct subscriptions *subscriptions, struct mqtt_session *session);

/* Everything is granted and given up: the list is written so. */
void subscriptions_granted(struct subscriptions *subscriptions);

/* Does another copy of the message come? Then this one is to be dropped. */
bool subscriptions_is_copy(const struct subscriptions *subscriptions, const struct mqtt_message *message);

#endif
