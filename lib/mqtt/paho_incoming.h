/* What Paho reads from a broker, bounded: in memory, and in time. Only in a Paho that is linked in
 * (docs/decisions/0013-paho-linked-in.md); its shared library reads whatever comes.
 *
 * - A PUBLISH that is too large is read to its end, and its beginning is kept: Paho sees a shorter one.
 * - Any other packet of more than 1 MiB ends the connection.
 * - So does a packet that comes too slowly: fewer than 100 bytes a second for half a minute. (A broker that
 *   sends nothing is Paho's keep alive to notice.)
 *
 * One connection in a process at a time. */
#ifndef ROOMSTREAM_MQTT_PAHO_INCOMING_H
#define ROOMSTREAM_MQTT_PAHO_INCOMING_H

#include <stdbool.h>
#include <stddef.h>

/* A payload of a message that was cut. */
struct paho_cut {
    const void *payload;
    size_t payload_length;
    size_t packet_size; /* of the whole PUBLISH: what follows its length */
};

#ifdef ROOMSTREAM_PAHO_GUARDED

enum { PAHO_IS_BOUNDED = true };

/* From now on no PUBLISH is kept in memory whose packet has more bytes than this; 0: any is. properties: they
 * have some, as with MQTT 5. Before connecting. */
void paho_bound_messages(size_t bytes, bool properties);

/* Is this payload that of a message that was cut? Then *cut says what is there of it. In the callback for
 * messages. */
bool paho_message_is_cut(const void *payload, size_t length, struct paho_cut *cut);

/* Paho's WebSocket_getch and WebSocket_getdata, bounded. For paho_guard.c. */
int paho_incoming_getch(void *network, char *c);
char *paho_incoming_getdata(void *network, size_t bytes, size_t *actual);

#else

enum { PAHO_IS_BOUNDED = false };

static inline void paho_bound_messages(size_t bytes, bool properties)
{
    (void)bytes;
    (void)properties;
}

static inline bool paho_message_is_cut(const void *payload, size_t length, struct paho_cut *cut)
{
    (void)payload;
    (void)length;
    (void)cut;
    return false;
}

#endif

#endif
