/* What bridges carry, so that a bridge notices another one that takes the same messages from an MQTT broker
 * to the same Kafka topic: both would deliver them. Brokers are the same if they are named alike. Of routes
 * with a {name} in the Kafka topic it is only known that they may lead to the same one.
 *
 * What a bridge carries is a text of five lines: MQTT broker, subscription, Kafka, topic, folder of the
 * spool; then two for each further route, subscription and topic. Routes that do not fit into
 * BRIDGE_CARRIED_SIZE are left out. It stands
 * - in its announcement (http/announcement.h) while it runs and serves HTTP, so that bridges of all users
 * whose announcements can be read are noticed, and a user's notice the services;
 * - in the folder `carried` beside the spools that have no --spool ($XDG_STATE_HOME/roomstream, else
 *   ~/.local/state/roomstream): a file for each spool of this user, named by its uuid. A bridge that runs
 * keeps an exclusive flock(2) on its file. One that is stopped stays in the list, since the broker keeps its
 *   session; `bridge --forget` takes it out. A service has no such list: it can write to its own folder only.
 *
 * Lifecycle: carried_describe, before it is announced -> carried_open, after that -> carried_close;
 * carried_forget instead. One thread. */
#ifndef ROOMSTREAM_BRIDGE_CARRIED_H
#define ROOMSTREAM_BRIDGE_CARRIED_H

#include "settings.h"

/* Sets settings->carried; "" where not even one route fits. The spool's folder exists. */
void carried_describe(struct bridge_settings *settings);

/* Puts the bridge into the list, and warns of others, there or announced, that carry the same. Returns a
 * descriptor that holds the lock, or -1 where there is no list to write to. Bridges that begin at the same
 * time notice each other, since each is in the list, or announced, before it looks. */
int carried_open(const struct bridge_settings *settings, const char *uuid);

/* The bridge stops. -1 is allowed. */
void carried_close(int fd);

/* Takes the spool of that uuid out of the list. */
void carried_forget(const char *uuid);

#endif
