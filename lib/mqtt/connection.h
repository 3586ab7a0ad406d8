/* What the files of one connection (mqtt.h) share, and nobody else sees: its state, and the steps that belong
 * to more than one of them. */
#ifndef ROOMSTREAM_MQTT_CONNECTION_H
#define ROOMSTREAM_MQTT_CONNECTION_H

#include "addresses.h"
#include "core/backoff.h"
#include "core/log.h"
#include "mqtt.h"
#include "settings.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MQTT_FILTERS_MAX = 1024, MQTT_SUBSCRIBE_TIMEOUT_SECONDS = 20 };

/* A message handed to Paho at QoS 1 or 2, until its outcome is known. */
struct publication {
    struct mqtt_connection *connection;
    void *message;
    bool out; /* with Paho */
    struct publication *next_free;
};

/* One of the session's filters. */
struct subscription {
    struct mqtt_connection *connection;
    int granted; /* the code in the last SUBACK; -1: asked, and not answered */
};

struct mqtt_connection {
    const struct mqtt_settings *settings;
    const struct mqtt_session *session;
    struct mqtt_callbacks callbacks;
    MQTTAsync client; /* replaced by the connector, with the lock */
    const char *uri;  /* for messages */
    char client_id[MQTT_CLIENT_ID_SIZE];
    int cancel;                  /* event: closing, so let a probe of the broker be */
    atomic_bool message_came;    /* since the subscription was sent, or since its deadline was moved */
    atomic_size_t queued;        /* messages at QoS 0 that Paho has and has not written */
    atomic_size_t dropped;       /* those that it gave up */
    atomic_size_t sent, settled; /* since the last CONNACK: messages published, and those with an outcome */
    _Atomic uint32_t maximum_packet; /* the greatest packet that the broker takes; 0: it names none */

    pthread_mutex_t mutex; /* guards what follows; never held while Paho is called */
    pthread_cond_t changed;
    enum mqtt_state state;
    bool wanted; /* connected is what the program wants: not paused, not failed, not closing */
    bool closing;
    bool answered;       /* of closing: Paho has done what it was asked, or failed to */
    bool erased;         /* the session is gone from the broker */
    bool disconnect_due; /* a pause or reconnect asks the connector to disconnect */
    bool was_connected;  /* at least once in this process, to a broker that supports what is wanted */
    bool was_subscribed;
    bool session_present;  /* as the last CONNACK says, if not session_began */
    bool session_began;    /* with a CONNACK of which callbacks.connected has not told */
    bool subscribe_needed; /* the filters are not known to be granted in the current session */
    int disconnect_reason;
    uint16_t receive_maximum;
    int64_t keepalive;          /* ns: what is asked for, or less if the broker wants that */
    int64_t next_try;           /* monotonic ns: of connecting */
    int64_t next_subscribe;     /* monotonic ns: not to be done before */
    int64_t subscribe_deadline; /* monotonic ns; 0: no answer is awaited */
    int64_t connected_at;       /* monotonic ns of the last CONNACK; 0: none since the last loss */
    int short_lives;            /* connections in a row that did not last */
    bool reconnect_due;         /* mqtt_reconnect came while connecting */
    bool spoiled;               /* the client must not be used again, see replace_client */
    bool start_anew;            /* the next connection begins with a new session */
    bool failure_due;           /* connecting has failed: the connector finds out why */
    char failure[200];          /* what Paho says of it */
    struct backoff backoff, subscribe_backoff;
    struct mqtt_addresses addresses; /* the connector's own */
    struct publication *publications, *free_publications;
    struct subscription *subscriptions; /* session->filter_count */
    pthread_t connector;
};

/* With the lock held. */
void connection_set_state(struct mqtt_connection *connection, enum mqtt_state state);

/* Gives up: trying again cannot help. Called without the lock. */
void connection_fail(struct mqtt_connection *connection, const char *event, const struct log_field *fields,
                     const char *message);

/* Did the broker accept this client's subscriptions (or, without any, its messages) before, in this process
 * or, as the session tells, in an earlier one? Then it may do so again, as when its configuration is being
 * changed; else the user must do something. Called without the lock. */
bool connection_was_accepted(struct mqtt_connection *connection);

/* Has a subscription to make or to give up. */
bool connection_subscribes(const struct mqtt_session *session);

/* Asks the broker for the session's subscriptions, and to give up those of unsubscribe. What it answers is
 * dealt with: all granted, the state is MQTT_SUBSCRIBED; one refused, the connection fails or asks again
 * later. An answer that does not come is noticed by the deadline of subscribing. Runs on the connector
 * thread. */
void connection_subscribe(struct mqtt_connection *connection);

#endif
