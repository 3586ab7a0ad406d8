/* Finds the message at which an MQTT broker ends the connection, in place of sending it for ever. A broker
 * may do so without a reason, as Mosquitto 2.0.11 does for a topic of more than 200 levels; and a connection
 * that ends so cannot be told from an outage. So this is the rule:
 *
 * - Three connections one after the other have ended with messages in flight, each without an answer in it or
 *   within five seconds after it began: from then on messages are sent singly, in a new session.
 * - The same message was in flight alone when a connection ended, within five seconds after it was sent, and
 *   that three times: it is to blame, and all go as before. What happens to other messages in between, as to
 *   those of other partitions, does not clear it; an answer to it does, and an end with another one alone.
 * - So many answers as messages fit into the window, without an end in which one was alone, end the sending
 *   singly.
 *
 * A broker that runs answers a message within milliseconds. So one that is restarted, however often, makes no
 * message guilty unless it ends three times while it has the same one alone, without an answer to it in
 * between; and one that stands still, or a network that does, ends connections later than five seconds after
 * sending. Pure functions.
 *
 * Lifecycle: zero-initialize with the window; then what happens, as it happens. */
#ifndef ROOMSTREAM_DOWNLINK_BLAME_H
#define ROOMSTREAM_DOWNLINK_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which message: the same one has the same place and offset each time that it is sent. */
struct blame_id {
    const void *place; /* its partition; only compared */
    int64_t offset;
};

struct blame {
    size_t window;
    size_t in_flight;
    size_t singly; /* so many answers are to come before more than one is sent at a time; 0: that is over */
    bool answered; /* a message, in this connection */
    int fruitless; /* connections one after the other */
    int alone;     /* how often a connection has ended with the suspect alone */
    struct blame_id suspect, last; /* the last: sent last */
    int64_t began, since;          /* monotonic ns: connected; the same, or the last message sent */
};

void blame_connected(struct blame *blame, int64_t now);
void blame_sent(struct blame *blame, struct blame_id message, int64_t now);

/* It was not sent after all. */
void blame_unsent(struct blame *blame);

/* A message is no longer in flight: the broker has answered, or the session is over. True: it is to blame. */
bool blame_settled(struct blame *blame, bool answered);

/* The connection has ended. True: the next one must have a new session. */
bool blame_ended(struct blame *blame, int64_t now);

#endif
