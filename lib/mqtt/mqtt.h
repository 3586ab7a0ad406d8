/* One connection to an MQTT broker that keeps itself alive: it connects, reconnects with backoff and jitter,
 * subscribes, and reports to the program by callbacks. Built on Paho's MQTTAsync (eclipse-paho-mqtt-c,
 * https://eclipse.dev/paho/files/mqttdoc/MQTTAsync). Its states are in connection.c.
 *
 * Lifecycle:
 *   mqtt_options, mqtt_settings_complete (settings.h)
 *   mqtt_open                        connects in the background
 *     callbacks                      connected, subscribed, message ..., disconnected, connected ...
 *     mqtt_publish                   while connected; the outcome comes by the callback published
 *     mqtt_pause, mqtt_resume        leave the broker for a while; the session stays
 *     mqtt_reconnect                 with another Receive Maximum
 *     mqtt_renew                     with another session
 *     mqtt_state
 *   mqtt_close
 *
 * Threads: a connection has one thread of its own, the connector; Paho has one receive and one send thread
 * for all connections of a process. Callbacks come on one of those, mostly under Paho's lock, with one
 * exception (see mqtt_publish at QoS 0). So: never hold a lock that a callback takes while calling a function
 * of this header, and call none of them from a callback but mqtt_state, mqtt_pause, mqtt_resume,
 * mqtt_reconnect and mqtt_renew.
 *
 * Errors: what passes by itself is logged and tried again. What needs the user ends the connection: the
 * callback failed says why and what to do, and nothing follows but mqtt_close. */
#ifndef ROOMSTREAM_MQTT_MQTT_H
#define ROOMSTREAM_MQTT_MQTT_H

#include "core/error.h"

#include <MQTTAsync.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt_connection;
struct mqtt_settings; /* settings.h */

/* A message as it came in. All pointers are the library's and valid during the callback only. */
struct mqtt_message {
    const char
        *topic; /* NUL-terminated UTF-8; topic_length bytes, which may hold U+0000 from a careless broker */
    size_t topic_length;
    const void *payload;
    size_t payload_length;
    size_t cut_from; /* bytes of a PUBLISH that was larger than the session takes: the payload is only its
                        beginning, and long properties are left out; else 0 */
    const MQTTProperties *properties; /* of the PUBLISH; none with MQTT 3.1.1 */
    uint16_t packet_id;               /* 0 at QoS 0 */
    uint8_t qos;
    bool retained, duplicate; /* the PUBLISH's RETAIN and DUP flags */
};

/* A connection's CONNACK, from a broker that supports what the session asks for. */
struct mqtt_connected {
    bool session_present;
    uint16_t
        receive_maximum; /* the broker's, for QoS 1 and 2 in flight towards it; 65535 where it names none */
};

struct mqtt_callbacks {
    void *context;
    /* CONNACK came, before subscribing and before any message of this connection. May be NULL. */
    void (*connected)(void *context, const struct mqtt_connected *connected);
    /* All filters are granted and those of unsubscribe given up (again). May be NULL. */
    void (*subscribed)(void *context);
    /* A message came. When it returns, the message is acknowledged (QoS 1: PUBACK, QoS 2: PUBREC): it may
     * block as long as it must. NULL for a connection that only publishes. */
    void (*message)(void *context, const struct mqtt_message *message);
    /* The connection is lost, or was left for mqtt_pause or mqtt_reconnect. May be NULL. */
    void (*disconnected)(void *context);
    /* The outcome of an mqtt_publish. delivered: acknowledged (QoS 0: handed to the library). Not delivered
     * with a reason_code of 0: the broker forgot the session, or the connection is being closed: publish it
     * again. Not delivered with a reason code of 0x80 and above: the broker refused it (MQTT 5 section 2.4),
     * or with 0x95 would have, which is logged with both sizes: the packet is larger than it takes.
     * NULL for a connection that only subscribes. */
    void (*published)(void *context, void *message, bool delivered, int reason_code);
    /* Trying again cannot help: what the broker (or its certificate) never accepted, such as a user name, a
     * subscription, the protocol version, the QoS. What it did accept before in this process is tried again,
     * with warnings: it may be wrongly configured for a moment. So is a subscription where the session is
     * present: an earlier process had it. The message says what to do. The connection gives
     * up; the program should end with status 1. May be NULL: then it is only logged. */
    void (*failed)(void *context, const char *message);
};

/* What the program wants of its session. */
struct mqtt_session {
    const char *const *filters; /* topic filters to subscribe to */
    size_t filter_count;
    const uint32_t
        *identifiers; /* MQTT 5: a Subscription Identifier for each filter, 0 for none; NULL: none */
    const char *const *unsubscribe; /* filters to unsubscribe from, once, after subscribing: those of a
                                       session that an earlier process left */
    size_t unsubscribe_count;
    int qos;                  /* of the subscriptions, 0-2: a broker that grants less is refused */
    bool retain_as_published; /* MQTT 5: keep the RETAIN flag as the publisher set it */
    int retain_handling; /* MQTT 5: 0 retained messages at each subscribe, 1 only for a new subscription, 2
                            never */
    bool clean_start;    /* first connection of this process starts a new session; reconnects never do */
    uint32_t session_expiry; /* seconds, MQTT 5; 0: the session ends with the connection; 3.1.1: 0 means clean
                                session */
    uint16_t receive_maximum; /* MQTT 5; 0: not sent */
    size_t message_max; /* greatest PUBLISH that is taken whole, in bytes of its packet; 0: any. One that is
                           larger comes cut; with Paho as a shared library (paho_incoming.h) it is the Maximum
                           Packet Size of MQTT 5, beyond which the broker drops messages by itself */
    size_t publish_window; /* greatest number of mqtt_publish without outcome; 0 for a subscriber */
    int publish_qos;       /* greatest QoS of what is published */
    bool publish_retain;   /* retained messages are published */
    MQTTClient_persistence *persistence; /* of QoS 2 packets that come in, across restarts, or NULL; outlives
                                            the connection. Only for a session that does not publish */
};

/* Makes a connection and starts connecting in the background; the broker may be down. `name` is for log lines
 * and client ids made up. Everything pointed to outlives the connection; the settings are complete. NULL with
 * *error when a password, a certificate or a key cannot be used. */
struct mqtt_connection *mqtt_open(const char *name, const struct mqtt_settings *settings,
                                  const struct mqtt_session *session, const struct mqtt_callbacks *callbacks,
                                  struct error *error);

/* Sends a message: copies topic, payload and properties (NULL for none). `message` comes back in the
 * published callback, exactly once, if true is returned. False when it cannot be taken now (disconnected, or
 * the library is full): try again later, after connected or a published callback, or in a few milliseconds at
 * QoS 0. More than publish_window messages without outcome are not taken. At QoS 0, and for a message that is
 * larger than the broker takes, the published callback is called before this returns, on the caller's thread.
 * Any thread. */
bool mqtt_publish(struct mqtt_connection *connection, const char *topic, const void *payload, size_t length,
                  int qos, bool retain, const MQTTProperties *properties, void *message);

enum mqtt_state {
    MQTT_DISCONNECTED, /* waits for the next try */
    MQTT_CONNECTING,
    MQTT_CONNECTED,  /* not everything is granted yet */
    MQTT_SUBSCRIBED, /* connected, and everything that the session asks for is granted */
    MQTT_FAILED,
    MQTT_PAUSED
};

/* Any thread. */
enum mqtt_state mqtt_state(struct mqtt_connection *connection);

/* Disconnects but keeps the session, e.g. while a spool is full; mqtt_resume connects again. Both return at
 * once. */
void mqtt_pause(struct mqtt_connection *connection);
void mqtt_resume(struct mqtt_connection *connection);

/* Disconnects with an MQTT 5 reason code (section 3.14.2.1) and connects again, with that receive maximum
 * from now on (0: as before). Returns at once. */
void mqtt_reconnect(struct mqtt_connection *connection, int reason_code, uint16_t receive_maximum);

/* The next connection begins a new session; all messages that are without an outcome come back then. Returns
 * at once. */
void mqtt_renew(struct mqtt_connection *connection);

/* Disconnects (waiting at most `timeout` ns for the library), then frees everything. Warns when messages that
 * mqtt_publish took at QoS 0 were never written to the network, now or when a connection broke. With
 * end_session the broker forgets the session (MQTT 5: session expiry 0; 3.1.1: by connecting once
 * more). When it returns true, no callback runs or will run. False when the library did not end in time, as
 * when a message callback still blocks, or when writing a message has just failed, after which Paho cannot
 * free what it has: then nothing is freed and the process should exit. Not from callbacks. */
bool mqtt_close(struct mqtt_connection *connection, bool end_session, int64_t timeout);

#endif
