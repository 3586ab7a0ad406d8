/* The QoS 2 packet ids that are received and not yet released, kept in the spool and shown to Paho as its
 * persistence (MQTTClientPersistence.h). Paho's own file persistence records an id before the message is
 * handed over, so a kill between the two loses the message; here an id is recorded in the same write as its
 * message. */
#ifndef ROOMSTREAM_BRIDGE_IN_PACKET_IDS_H
#define ROOMSTREAM_BRIDGE_IN_PACKET_IDS_H

#include "mqtt/mqtt.h"
#include "spool/spool.h"

#include <MQTTClientPersistence.h>

struct packet_ids {
    MQTTClient_persistence store; /* for mqtt_session.persistence */
    struct spool *spool;
    /* Appends a record to the spool and returns only once it is stored: then Paho answers the broker. */
    void (*append)(void *context, const struct spool_record *record);
    /* A PUBLISH has arrived whose id is held. Is it the message that is held? Paho assumes so. If it is
     * another one, returns once that is stored. */
    void (*repeated)(void *context, const struct mqtt_message *message);
    void *context; /* of both */
};

/* Fills in the store. ids, spool and context must outlive the connection. */
void packet_ids_init(struct packet_ids *ids, struct spool *spool,
                     void (*append)(void *context, const struct spool_record *record),
                     void (*repeated)(void *context, const struct mqtt_message *message), void *context);

/* The broker has lost the session: no id is held any more. Appends that if any was. */
void packet_ids_forget(struct packet_ids *ids);

#endif
