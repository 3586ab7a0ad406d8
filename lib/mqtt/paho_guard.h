/* Keeps from Paho what it would break on: packets whose lengths lie, and acknowledgements of the wrong kind,
 * after which it frees a message that it still has (docs/decisions/0019-paho-guarded.md). The connection ends
 * instead. Only in a Paho that is linked in (docs/decisions/0013-paho-linked-in.md).
 *
 * One connection in a process at a time. */
#ifndef ROOMSTREAM_MQTT_PAHO_GUARD_H
#define ROOMSTREAM_MQTT_PAHO_GUARD_H

#include <MQTTProperties.h>
#include <stdbool.h>

/* What a packet id of ours is in use for. */
enum paho_use {
    PAHO_UNUSED,
    PAHO_QOS_1,
    PAHO_QOS_2,
    PAHO_QOS_2_RELEASED, /* PUBREC has come */
    PAHO_SUBSCRIBE,
    PAHO_UNSUBSCRIBE,
};

enum { PAHO_COMPLAINT_SIZE = 160 };

#ifdef ROOMSTREAM_PAHO_GUARDED

/* The connection that is made next speaks MQTT 5, or 3.1.1. Before MQTTAsync_connect. */
void paho_guard_connect(bool mqtt5);

/* What the packet id is for that the next call into Paho by this thread may take. */
void paho_guard_next_use(enum paho_use use);

/* Why the connection was ended here, once: false when it was not. Any thread. */
bool paho_guard_complaint(char complaint[static PAHO_COMPLAINT_SIZE]);

/* The properties of the last CONNACK, once, which Paho does not hand on of one that refuses. False when there
 * are none; else the caller frees them. Any thread. */
bool paho_guard_take_connack(MQTTProperties *properties);

#else

static inline void paho_guard_connect(bool mqtt5)
{
    (void)mqtt5;
}

static inline void paho_guard_next_use(enum paho_use use)
{
    (void)use;
}

static inline bool paho_guard_complaint(char complaint[static PAHO_COMPLAINT_SIZE])
{
    (void)complaint;
    return false;
}

static inline bool paho_guard_take_connack(MQTTProperties *properties)
{
    (void)properties;
    return false;
}

#endif

#endif
