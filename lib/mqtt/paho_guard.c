#include "paho_guard.h"

#include "packet_check.h"
#include "paho_incoming.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_bool speaks_mqtt5, awaits_connack;
static _Atomic uint8_t uses[65536]; /* enum paho_use, by packet id */
static _Thread_local enum paho_use next_use;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char last_complaint[PAHO_COMPLAINT_SIZE];
static MQTTProperties connack;
static bool has_connack;

void paho_guard_connect(bool mqtt5)
{
    atomic_store(&speaks_mqtt5, mqtt5);
    atomic_store(&awaits_connack, true);
}

void paho_guard_next_use(enum paho_use use)
{
    next_use = use;
}

bool paho_guard_complaint(char complaint[static PAHO_COMPLAINT_SIZE])
{
    pthread_mutex_lock(&mutex);
    strcpy(complaint, last_complaint);
    *last_complaint = '\0';
    pthread_mutex_unlock(&mutex);
    return *complaint != '\0';
}

bool paho_guard_take_connack(MQTTProperties *properties)
{
    pthread_mutex_lock(&mutex);
    bool has = has_connack;
    if (has)
        *properties = connack;
    has_connack = false;
    pthread_mutex_unlock(&mutex);
    return has;
}

static void keep_connack(const uint8_t *body, size_t length)
{
    pthread_mutex_lock(&mutex);
    if (has_connack)
        MQTTProperties_free(&connack);
    has_connack = packet_read_connack(body, length, &connack);
    pthread_mutex_unlock(&mutex);
}

static bool complain(uint8_t first, const char *what)
{
    static const char *const names[] = {"packet of type 0", "CONNECT",  "CONNACK",     "PUBLISH",
                                        "PUBACK",           "PUBREC",   "PUBREL",      "PUBCOMP",
                                        "SUBSCRIBE",        "SUBACK",   "UNSUBSCRIBE", "UNSUBACK",
                                        "PINGREQ",          "PINGRESP", "DISCONNECT",  "AUTH"};
    pthread_mutex_lock(&mutex);
    snprintf(last_complaint, sizeof last_complaint, "it breaks the protocol: a %s %s", names[first >> 4],
             what);
    pthread_mutex_unlock(&mutex);
    return false;
}

/* What becomes of an id that is in use when such a packet comes for it; UNEXPECTED: none may come. Paho
 * itself deals with a packet for an id that is not in use, such as a second acknowledgement. */
enum { UNEXPECTED = 0xFF };

static uint8_t use_after(uint8_t use, unsigned type, bool error)
{
    if (type == PACKET_PUBACK)
        return use == PAHO_QOS_1 ? PAHO_UNUSED : UNEXPECTED;
    if (type == PACKET_PUBREC && error)
        return use == PAHO_QOS_2 ? PAHO_UNUSED : UNEXPECTED;
    if (type == PACKET_PUBREC)
        return use == PAHO_QOS_2 || use == PAHO_QOS_2_RELEASED ? PAHO_QOS_2_RELEASED : UNEXPECTED;
    if (type == PACKET_PUBCOMP)
        return use == PAHO_QOS_2_RELEASED ? PAHO_UNUSED : UNEXPECTED;
    if (type == PACKET_SUBACK)
        return use == PAHO_SUBSCRIBE ? PAHO_UNUSED : UNEXPECTED;
    return use == PAHO_UNSUBSCRIBE ? PAHO_UNUSED : UNEXPECTED; /* UNSUBACK */
}

/* May Paho have this packet? Called under Paho's lock with each that has come whole. */
static bool allows(uint8_t first, const uint8_t *body, size_t length)
{
    bool mqtt5 = atomic_load(&speaks_mqtt5);
    unsigned type = first >> 4;
    const char *wrong = packet_check(mqtt5, first, body, length);
    if (wrong)
        return complain(first, wrong);
    if ((type == PACKET_CONNACK) != atomic_exchange(&awaits_connack, false))
        return complain(first, type == PACKET_CONNACK ? "where there is a connection" : "before the CONNACK");
    if (type == PACKET_CONNACK && mqtt5)
        keep_connack(body, length);
    uint16_t id = packet_id(first, body, length);
    if (id == 0 || type == PACKET_PUBREL) /* whose ids are the broker's */
        return true;
    uint8_t use = atomic_load(&uses[id]);
    if (use == PAHO_UNUSED)
        return true;
    uint8_t after = use_after(use, type, packet_reason(mqtt5, body, length) >= 0x80);
    if (after == UNEXPECTED)
        return complain(first, "for what is not due one");
    atomic_store(&uses[id], after);
    return true;
}

/* The linker has Paho call these functions in place of its own (cmake/Paho.cmake), which they call in turn.
 * MQTTPacket_Factory reads a packet: its first byte and the bytes of its length by WebSocket_getch, what
 * follows by one WebSocket_getdata; it comes again for a packet that has not come whole. paho_incoming.c
 * reads in its place, within bounds. */
void *__real_MQTTPacket_Factory(int version, void *network, int *error);
void *__wrap_MQTTPacket_Factory(int version, void *network, int *error);
int __wrap_WebSocket_getch(void *network, char *c);
char *__wrap_WebSocket_getdata(void *network, size_t bytes, size_t *actual);
int __real_MQTTAsync_assignMsgId(void *client);
int __wrap_MQTTAsync_assignMsgId(void *client);

static int first_byte; /* of the packet that is read; -1: not read yet */

void *__wrap_MQTTPacket_Factory(int version, void *network, int *error)
{
    first_byte = -1;
    return __real_MQTTPacket_Factory(version, network, error);
}

int __wrap_WebSocket_getch(void *network, char *c)
{
    int rc = paho_incoming_getch(network, c);
    if (rc == 0 && first_byte < 0)
        first_byte = (unsigned char)*c;
    return rc;
}

char *__wrap_WebSocket_getdata(void *network, size_t bytes, size_t *actual)
{
    char *data = paho_incoming_getdata(network, bytes, actual);
    if (data && *actual == bytes && !allows((uint8_t)first_byte, (const uint8_t *)data, bytes))
        return NULL;
    return data;
}

int __wrap_MQTTAsync_assignMsgId(void *client)
{
    int id = __real_MQTTAsync_assignMsgId(client);
    if (id > 0)
        atomic_store(&uses[id & 0xFFFF], (uint8_t)next_use);
    return id;
}
