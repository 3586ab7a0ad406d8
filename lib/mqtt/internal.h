/* What the files of one connection (mqtt.h) share, and nobody else sees.
 *
 *   connection.c  the table of states and events, the connector's thread, what programs call
 *   client.c      Paho's client: made, replaced when it is spoiled; what it reports at any time
 *   connect.c     CONNECT and its answer; why there is none
 *   subscribe.c   SUBSCRIBE, UNSUBSCRIBE and their answers
 *   publish.c     PUBLISH and its outcome
 *   close.c       the end
 *
 * What happens comes as an event: from Paho's threads, from the program's, from the connector. It moves the
 * connection to another state, by the table in connection.c. The work of a state is the connector's alone. */
#ifndef ROOMSTREAM_MQTT_INTERNAL_H
#define ROOMSTREAM_MQTT_INTERNAL_H

#include "addresses.h"
#include "core/backoff.h"
#include "core/log.h"
#include "mqtt.h"
#include "settings.h"

#include <pthread.h>
#include <stdatomic.h>

enum connection_state {
    STAY, /* in the table: the event means nothing here, as when it comes late */
    WAITING,
    CONNECTING,
    CANCELLED,  /* as CONNECTING, but the program has paused meanwhile */
    EXPLAINING, /* connecting has failed: the connector finds out why */
    CONNECTED,  /* with something to subscribe to, or to unsubscribe from */
    SUBSCRIBING,
    READY,        /* connected, with all that was asked for */
    RECONNECTING, /* the connector is to disconnect, and then to connect again */
    PAUSING,      /* the connector is to disconnect */
    PAUSED,
    FAILING, /* the connector is to disconnect */
    FAILED,
    CLOSING, /* mqtt_close: there is still a connection */
    CLOSED,
    CONNECTION_STATES
};

enum connection_event {
    DUE,         /* it is time for the state's work */
    UNREACHABLE, /* connecting has failed, it is not known why */
    ASK,         /* connected, and there are subscriptions to ask for when the state is due */
    GRANTED,     /* connected, and all that was asked for is granted */
    LEAVE,       /* connected, but in a way that is of no use */
    REFUSED,     /* connecting has failed, and is to be tried again when the state is due */
    LOST,        /* a connection is gone */
    FAIL,        /* trying again cannot help */
    PAUSE,       /* this and what follows: the program's wishes */
    RESUME,
    RECONNECT,
    CLOSE,
    CONNECTION_EVENTS
};

/* Paho's client, see client.c. */
enum client_condition {
    CLIENT_GOOD,
    CLIENT_SPOILED, /* must not be used again */
    CLIENT_NEW,     /* has taken the place of a spoiled one: its first connection begins a new session */
};

/* How far the broker let this process come: where it did once, it may again. */
enum accepted { NOTHING_ACCEPTED, CONNECT_ACCEPTED, SUBSCRIPTIONS_ACCEPTED };

/* The broker's session. */
enum session_seen {
    SESSION_UNSEEN,
    SESSION_NEW,     /* began with a CONNACK of which callbacks.connected does not know yet */
    SESSION_PRESENT, /* as the last CONNACK says */
};

/* What Paho says to a DISCONNECT or CONNECT of closing. */
enum answer { NO_ANSWER, ANSWER_DONE, ANSWER_FAILED };

enum { MQTT_FILTERS_MAX = 16384, MQTT_CLIENT_ID_SIZE = 128 };

/* A message handed to Paho at QoS 1 or 2, until its outcome is known. */
struct publication {
    struct mqtt_connection *connection;
    void *message;
    bool out; /* with Paho */
    struct publication *next_free;
};

/* One of the session's filters, or one that is given up. */
struct subscription {
    struct mqtt_connection *connection;
    int granted; /* the code in the last SUBACK or UNSUBACK; -1: asked, and not answered */
};

struct mqtt_connection {
    const struct mqtt_settings *settings;
    const struct mqtt_session *session;
    struct mqtt_callbacks callbacks;
    const char *uri; /* for messages */
    char client_id[MQTT_CLIENT_ID_SIZE];
    int cancel; /* event: raised at closing, ends a probe of the broker */
    pthread_t connector;
    struct mqtt_addresses addresses;    /* the connector's own */
    struct subscription *subscriptions; /* session->filter_count */
    struct subscription *given_up;      /* session->unsubscribe_count; behind those */
    struct publication *publications;   /* session->publish_window */

    atomic_bool message_came;    /* since the subscription was sent, or since its deadline was moved */
    atomic_size_t queued;        /* messages at QoS 0 that Paho has and has not written */
    atomic_size_t dropped;       /* those that it gave up */
    atomic_size_t sent, settled; /* since the last CONNACK: messages published, and those with an outcome */
    _Atomic uint32_t maximum_packet; /* the greatest packet that the broker takes; 0: it names none */

    pthread_mutex_t mutex; /* guards what follows; never held while Paho is called */
    pthread_cond_t changed;
    enum connection_state state;
    int64_t due; /* monotonic ns: when the connector does the state's work. While it is to disconnect, which
                    it does at once: when it connects again */
    MQTTAsync client; /* replaced by the connector */
    enum client_condition condition;
    enum accepted accepted;
    enum session_seen seen;
    bool granted;       /* the filters, and what was to be given up, in the session as it is */
    bool unsubscribing; /* now; changed by the connector before Paho is asked */
    size_t answers;     /* of the filters asked for now */
    size_t given_up_answers;
    bool renew; /* the next connection is to begin a new session */
    enum answer answer;
    int disconnect_reason;
    uint16_t receive_maximum, connect_receive_maximum; /* what is wanted; what the last CONNECT asked for */
    int64_t keepalive;    /* ns: what is asked for, or less if the broker wants that */
    int64_t connected_at; /* monotonic ns of the last CONNACK; 0: none since the last loss */
    int short_lives;      /* connections in a row that did not last */
    struct backoff backoff, subscribe_backoff;
    char failure[200]; /* what Paho says of connecting that failed */
    struct publication *free_publications;
};

/* ---- connection.c ---- */

/* With the lock held: moves to the state that the table has for the event, whose work is then due at `due`
 * (monotonic ns; 0: at once). False when the event means nothing in this state: nothing has changed. */
bool connection_event(struct mqtt_connection *connection, enum connection_event event, int64_t due);

/* With the lock held: there is a connection, which nobody wants to end. */
bool connection_is_open(const struct mqtt_connection *connection);

/* With the lock held: the wait before the next try in ns, after a connection that was lost or not made. */
int64_t connection_next_wait(struct mqtt_connection *connection);

/* Logs the message as a warning, and tries again later: connects after LEAVE or REFUSED, subscribes after
 * ASK. The field is for the log, beside the broker; its name may be NULL. */
void connection_try_later(struct mqtt_connection *connection, enum connection_event event,
                          const char *log_event, struct log_field field, const char *message);

/* Gives up: trying again cannot help. Logs the message, with the field as above, and calls the program's
 * failed. */
void connection_fail(struct mqtt_connection *connection, const char *log_event, struct log_field field,
                     const char *message);

#define NO_FIELD ((struct log_field){NULL, NULL, 0})

/* Did the broker accept this client's subscriptions (or, without any, its messages) before, in this process
 * or (the session is present) in an earlier one? Then it may do so again, as when its configuration is being
 * changed. Else the user must do something. */
bool connection_was_accepted(struct mqtt_connection *connection);

/* With the lock held: waits for a change, until the deadline (monotonic ns) at most. */
void connection_wait(struct mqtt_connection *connection, int64_t deadline);

/* ---- the work of states: on the connector's thread, without the lock ---- */

void connection_connect(struct mqtt_connection *connection);
void connection_explain(struct mqtt_connection *connection);
void connection_subscribe(struct mqtt_connection *connection);
void connection_await_grants(struct mqtt_connection *connection);
void connection_leave(struct mqtt_connection *connection);

/* ---- the rest, without the lock ---- */

/* Destroys Paho's client, and frees everything. */
void connection_free(struct mqtt_connection *connection);

/* Makes Paho's client. False with *error. */
bool client_make(struct mqtt_connection *connection, MQTTAsync *client, struct error *error);

/* Has a write failed that spoils the client? */
bool client_is_spoiled(struct mqtt_connection *connection);

/* Another client takes the place of one that is spoiled; all messages that are out come back. False when
 * there is none: then that is logged. */
bool client_replace(struct mqtt_connection *connection);

/* Has a subscription to make or to give up. */
bool session_subscribes(const struct mqtt_session *session);

/* All messages at QoS 1 and 2 that are out come back undelivered. */
void publications_return(struct mqtt_connection *connection);

#endif
