/* What bridges of this user carry: a list in the state folder, by which a bridge notices another one that
 * carries the same MQTT filter to the same Kafka topic. Both would deliver every message.
 *
 * The list is the folder `carried` beside the spools that have no --spool ($XDG_STATE_HOME/roomstream, else
 * ~/.local/state/roomstream): a file for each spool, named by its uuid, with five lines: MQTT broker,
 * subscription, Kafka, topic, folder of the spool. A bridge that runs keeps an exclusive flock(2) on its
 * file. One that is stopped stays in the list, since the broker keeps its session; `bridge --forget` takes it
 * out.
 *
 * Lifecycle: carried_open -> carried_close, carried_forget instead. One thread. */
#ifndef ROOMSTREAM_BRIDGE_CARRIED_H
#define ROOMSTREAM_BRIDGE_CARRIED_H

#include "settings.h"

/* Puts the bridge into the list, and warns of others in it that carry the same. Returns a descriptor that
 * holds the lock, or -1: where there is no list to write to, as in a service, nothing is noticed. */
int carried_open(const struct bridge_settings *settings, const char *uuid);

/* The bridge stops. -1 is allowed. */
void carried_close(int fd);

/* Takes the spool of that uuid out of the list. */
void carried_forget(const char *uuid);

#endif
