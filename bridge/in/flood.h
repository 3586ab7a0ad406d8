/* A broker that sends more than the Receive Maximum allows (exactly-once only).
 *
 * Mosquitto 2.0.11 lets every acknowledgement of a resumed session release a whole window more, until the
 * packet ids wrap and collide and the connection is lost. With a Receive Maximum of 1 it lets no more out;
 * but what is out already it sends again on every connection, up to 65,535 messages before the first PUBREL,
 * and Paho searches a list of all of them for each. On a new connection the PUBRELs that are due come first,
 * so such a crowd is dealt with in rounds. */
#ifndef ROOMSTREAM_BRIDGE_IN_FLOOD_H
#define ROOMSTREAM_BRIDGE_IN_FLOOD_H

#include "bridge/settings.h"
#include "spool/spool.h"

#include <stdbool.h>
#include <stddef.h>

struct flood {
    const struct bridge_settings *settings;
    struct spool *spool;
    size_t least;      /* fewest unreleased packet ids since the broker was connected */
    bool known;        /* the broker floods: the Receive Maximum is 1 from then on */
    bool reconnecting; /* because of it */
};

/* Has this broker flooded before, in this process or an earlier one? Then known is true, and the log says so.
 * Both arguments outlive it. */
void flood_init(struct flood *flood, const struct bridge_settings *settings, struct spool *spool);

/* The broker is connected. Before any message, as all that follows under Paho's lock. */
void flood_connected(struct flood *flood);

/* After a message is stored: true when the connection must end now and begin again with a Receive Maximum of
 * 1. */
bool flood_check(struct flood *flood);

#endif
