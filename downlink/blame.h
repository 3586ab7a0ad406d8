/* Finds the message at which an MQTT broker ends the connection, in place of sending it for ever. A broker
 * may do so without a reason, as Mosquitto 2.0.11 does for a topic of more than 200 levels; and a connection
 * that ends so cannot be told from an outage. So this is the rule:
 *
 * - Three connections one after the other have ended with messages in flight of which none was answered in
 *   them: from then on messages are sent singly, in a new session.
 * - Three connections one after the other have ended with the same message in flight alone, each within five
 *   seconds after it was sent: that message is to blame, and all go as before.
 * - Any answer to a message begins the counting again. So many answers as messages fit into the window end
 * the sending singly.
 *
 * A broker that runs answers a message within milliseconds. So one that is restarted, however often, is
 * suspected of nothing unless it ends each of six times before the first answer; and one that stands still,
 * or a network that does, ends connections later than five seconds after sending. Pure functions.
 *
 * Lifecycle: zero-initialize with the window; then what happens, as it happens. */
#ifndef ROOMSTREAM_DOWNLINK_BLAME_H
#define ROOMSTREAM_DOWNLINK_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blame {
    size_t window;
    size_t in_flight;
    size_t singly; /* so many answers are to come before more than one is sent at a time; 0: that is over */
    bool answered; /* a message, in this connection */
    int fruitless; /* connections one after the other */
    int alone;     /* the same, with one message that is sent singly */
    int64_t since; /* monotonic ns: connected, or the last message sent */
};

void blame_connected(struct blame *blame, int64_t now);
void blame_sent(struct blame *blame, int64_t now);

/* It was not sent after all. */
void blame_unsent(struct blame *blame);

/* The message is no longer in flight: the broker has answered, or the session is over. True: it is to blame.
 */
bool blame_settled(struct blame *blame, bool answered);

/* The connection has ended. True: the next one must have a new session. */
bool blame_ended(struct blame *blame, int64_t now);

#endif
