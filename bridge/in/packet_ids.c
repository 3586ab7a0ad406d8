#include "packet_ids.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "mqtt/mqtt.h"
#include "mqtt/packet_check.h"
#include "mqtt/paho_incoming.h"

#include <MQTTAsync.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Paho's keys are "r5-ID" for a received MQTT 5 PUBLISH; keys of what is sent or queued begin otherwise and
 * do not occur here: a bridge publishes nothing. */
static bool received_id(const char *key, uint16_t *id)
{
    unsigned number;
    if (sscanf(key, "r5-%u", &number) != 1 || number == 0 || number > UINT16_MAX)
        return false;
    *id = (uint16_t)number;
    return true;
}

static int store_open(void **handle, const char *client_id, const char *uri, void *context)
{
    (void)client_id;
    (void)uri;
    *handle = context;
    return 0;
}

static int store_close(void *handle)
{
    (void)handle;
    return 0;
}

/* A PUBLISH is received: its header, then the rest. The id is stored with its message, by the message
 * callback, which Paho does not call for an id that it holds already. */
static int store_put(void *handle, char *key, int count, char *buffers[], int lengths[])
{
    struct packet_ids *ids = handle;
    struct packet_publish publish;
    uint16_t id;
    if (!received_id(key, &id) || count != 2 || !spool_holds(ids->spool, id))
        return 0;
    uint8_t first = (uint8_t)buffers[0][0];
    if (!packet_read_publish(first, (const uint8_t *)buffers[1], (size_t)lengths[1], &publish))
        return MQTTCLIENT_PERSISTENCE_ERROR; /* the connection ends, and the broker redelivers it */
    struct mqtt_message message = {
        .topic = publish.topic,
        .topic_length = publish.topic_length,
        .payload = publish.payload,
        .payload_length = publish.payload_length,
        .properties = &publish.properties,
        .packet_id = publish.packet_id,
        .qos = 2,
        .retained = first & 1,
        .duplicate = first & 8,
    };
    struct paho_cut cut;
    if (paho_message_is_cut(publish.payload, publish.payload_length, &cut)) {
        message.payload = cut.payload;
        message.payload_length = cut.payload_length;
        message.cut_from = cut.packet_size;
    }
    ids->repeated(ids->context, &message);
    MQTTProperties_free(&publish.properties);
    return 0;
}

/* Paho wants the PUBLISH back but uses nothing of it save the packet id: QoS 2, topic "t", the id, no
 * properties. */
static int store_get(void *handle, char *key, char **buffer, int *length)
{
    unsigned char publish[] = {0x34, 6, 0, 1, 't', 0, 0, 0};
    uint16_t id;
    (void)handle;
    if (!received_id(key, &id))
        return MQTTCLIENT_PERSISTENCE_ERROR;
    publish[5] = (unsigned char)(id >> 8);
    publish[6] = (unsigned char)id;
    *buffer = MQTTAsync_malloc(sizeof publish);
    if (!*buffer)
        return MQTTCLIENT_PERSISTENCE_ERROR;
    memcpy(*buffer, publish, sizeof publish);
    *length = sizeof publish;
    return 0;
}

/* PUBREL arrived: the id must be released durably before PUBCOMP allows the broker to use it again. */
static int store_remove(void *handle, char *key)
{
    struct packet_ids *ids = handle;
    uint16_t id;
    if (received_id(key, &id) && spool_holds(ids->spool, id)) {
        const struct spool_record release = {
            .kind = SPOOL_RELEASE, .packet_id = id, .time = clock_realtime()};
        FAILPOINT("before-release");
        ids->append(ids->context, &release);
        FAILPOINT("after-release");
    }
    return 0;
}

static int store_keys(void *handle, char ***keys, int *count)
{
    enum { KEY_SIZE = 16 };
    struct packet_ids *ids = handle;
    uint16_t *held = malloc(65535 * sizeof *held);
    if (!held)
        return MQTTCLIENT_PERSISTENCE_ERROR;
    size_t held_count = spool_unreleased(ids->spool, held);
    char **list = held_count ? MQTTAsync_malloc(held_count * sizeof *list) : NULL;
    size_t made = 0;
    while (list && made < held_count && (list[made] = MQTTAsync_malloc(KEY_SIZE)))
        snprintf(list[made], KEY_SIZE, "r5-%u", held[made]), made++;
    free(held);
    if (made < held_count) {
        for (size_t i = 0; i < made; i++)
            MQTTAsync_free(list[i]);
        if (list)
            MQTTAsync_free(list);
        return MQTTCLIENT_PERSISTENCE_ERROR;
    }
    *keys = list;
    *count = (int)held_count;
    return 0;
}

static int store_clear(void *handle)
{
    packet_ids_forget(handle);
    return 0;
}

static int store_contains(void *handle, char *key)
{
    struct packet_ids *ids = handle;
    uint16_t id;
    return received_id(key, &id) && spool_holds(ids->spool, id) ? 0 : MQTTCLIENT_PERSISTENCE_ERROR;
}

void packet_ids_init(struct packet_ids *ids, struct spool *spool,
                     void (*append)(void *context, const struct spool_record *record),
                     void (*repeated)(void *context, const struct mqtt_message *message), void *context)
{
    *ids = (struct packet_ids){
        .store = {ids, store_open, store_close, store_put, store_get, store_remove, store_keys, store_clear,
                  store_contains},
        .spool = spool,
        .append = append,
        .repeated = repeated,
        .context = context,
    };
}

void packet_ids_forget(struct packet_ids *ids)
{
    const struct spool_record forget = {.kind = SPOOL_FORGET, .time = clock_realtime()};
    if (spool_unreleased_count(ids->spool) > 0)
        ids->append(ids->context, &forget);
}
