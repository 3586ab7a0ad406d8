#include "resume_packets.h"

#include "failpoint.h"
#include "resume_queue.h"

#include <MQTTAsync.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A new slot is FREE, all zero. */
enum slot_state {
    FREE,
    HELD,     /* the packet was, or is about to be, on the wire */
    RELEASED, /* the broker has answered PUBREC, so PUBREL is due */
    DONE,     /* PUBCOMP came: the broker has the message */
    VOID,     /* the broker refused the message or forgot it: it is to be sent anew */
};

struct resume_packets {
    MQTTClient_persistence store;
    struct resume *resume;
    struct resume_queue *queue;
    struct resume_slot **by_id; /* the slot that holds a packet id, or NULL */
    char *scratch;              /* a packet */
    _Atomic size_t in_doubt;
    void (*settled)(void *context);
    void *context;
};

enum { PACKET_IDS = 65536 };

/* ---- slots ---- */

static enum slot_state state_of(const struct resume_slot *slot)
{
    return (enum slot_state)atomic_load_explicit(&slot->state, memory_order_acquire);
}

static void set_state(struct resume_slot *slot, enum slot_state state)
{
    atomic_store_explicit(&slot->state, (uint16_t)state, memory_order_release);
}

static bool in_doubt(const struct resume_slot *slot)
{
    return state_of(slot) == HELD || state_of(slot) == RELEASED;
}

static uint64_t checksum(const struct resume_slot *slot)
{
    return XXH3_64bits_withSeed(slot->packet, slot->length, slot->number ^ (uint64_t)slot->packet_id << 48);
}

/* Whether the slot says the truth: a power loss may have left it half written. */
static bool is_whole(const struct resume *resume, const struct resume_slot *slot)
{
    return slot->length <= resume_packet_max(resume) && slot->checksum == checksum(slot) &&
           slot == resume_slot(resume, slot->number) && slot->packet_id != 0;
}

static void settle(struct resume_packets *packets, struct resume_slot *slot, enum slot_state state)
{
    set_state(slot, state);
    packets->by_id[slot->packet_id] = NULL;
    if (atomic_fetch_sub(&packets->in_doubt, 1) == 1 && packets->settled)
        packets->settled(packets->context);
}

/* ---- the PUBLISH packet (MQTT 5 section 3.3) ---- */

struct bytes {
    const unsigned char *next, *end;
};

/* The next `count` bytes, or NULL where there are not so many. */
static const unsigned char *take(struct bytes *in, size_t count)
{
    if ((size_t)(in->end - in->next) < count)
        return NULL;
    in->next += count;
    return in->next - count;
}

static bool take_number(struct bytes *in, size_t size, size_t *value)
{
    const unsigned char *bytes = take(in, size);
    *value = 0;
    for (size_t i = 0; bytes && i < size; i++)
        *value = *value << 8 | bytes[i];
    return bytes != NULL;
}

/* A Variable Byte Integer (section 1.5.5). */
static bool take_variable(struct bytes *in, size_t *value)
{
    const unsigned char *byte;
    *value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        if (!(byte = take(in, 1)))
            return false;
        *value |= (size_t)(*byte & 0x7F) << shift;
        if (*byte < 0x80)
            return true;
    }
    return false;
}

/* A string or binary data: two bytes of length and the rest. */
static bool take_string(struct bytes *in, struct bytes *string)
{
    size_t length;
    if (!take_number(in, 2, &length) || !(string->next = take(in, length)))
        return false;
    string->end = string->next + length;
    return true;
}

static bool is_text(const struct bytes *string, const char *text)
{
    size_t length = (size_t)(string->end - string->next);
    return length == strlen(text) && memcmp(string->next, text, length) == 0;
}

static bool to_number(const struct bytes *digits, uint64_t *number)
{
    *number = 0;
    for (const unsigned char *c = digits->next; c < digits->end; c++)
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, *c - '0', number))
            return false;
    return digits->next < digits->end;
}

/* Passes over one property (section 2.2.2.2); if it is a user property, *name and *value are what it says. */
static bool take_property(struct bytes *in, struct bytes *name, struct bytes *value)
{
    size_t identifier, ignored;
    *name = *value = (struct bytes){NULL, NULL};
    if (!take_variable(in, &identifier))
        return false;
    switch (identifier) {
    case MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR:
        return take(in, 1);
    case MQTTPROPERTY_CODE_TOPIC_ALIAS:
        return take(in, 2);
    case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
        return take(in, 4);
    case MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER:
        return take_variable(in, &ignored);
    case MQTTPROPERTY_CODE_CONTENT_TYPE:
    case MQTTPROPERTY_CODE_RESPONSE_TOPIC:
    case MQTTPROPERTY_CODE_CORRELATION_DATA:
        return take_string(in, value);
    case MQTTPROPERTY_CODE_USER_PROPERTY:
        return take_string(in, name) && take_string(in, value);
    default:
        return false;
    }
}

/* The number that the last user property `seq` of a PUBLISH names. */
static bool packet_number(const char *packet, size_t length, uint64_t *number)
{
    const unsigned char *bytes = (const unsigned char *)packet;
    struct bytes in = {bytes, bytes + length}, topic, name, value;
    size_t ignored, size;
    bool found = false;
    if (!take(&in, 1) || !take_variable(&in, &ignored) || !take_string(&in, &topic) || !take(&in, 2) ||
        !take_variable(&in, &size) || (size_t)(in.end - in.next) < size)
        return false;
    in.end = in.next + size;
    while (in.next < in.end) {
        if (!take_property(&in, &name, &value))
            return false;
        if (name.next && is_text(&name, "seq"))
            found = to_number(&value, number);
    }
    return found;
}

/* ---- what Paho calls ---- */

/* Paho's keys: "s5-ID" is a PUBLISH that was sent, "sc5-ID" its PUBREL; with MQTT 5. "c5-N" is a message that
 * it has taken and not sent yet. */
static bool key_id(const char *key, const char *stem, uint16_t *id)
{
    size_t length = strlen(stem);
    char *end;
    if (strncmp(key, stem, length) != 0)
        return false;
    unsigned long value = strtoul(key + length, &end, 10);
    *id = (uint16_t)value;
    return *end == '\0' && value > 0 && value < PACKET_IDS;
}

static bool is_waiting(const char *key)
{
    return strncmp(key, "c5-", 3) == 0;
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
    struct resume_packets *packets = handle;
    resume_queue_clear(packets->queue);
    return 0;
}

/* Joins the pieces of a packet in the scratch memory; 0 when it is too long. */
static size_t join(struct resume_packets *packets, int count, char *pieces[], const int lengths[])
{
    size_t length = 0, most = resume_packet_max(packets->resume);
    for (int i = 0; i < count; length += (size_t)lengths[i++]) {
        if ((size_t)lengths[i] > most - length)
            return 0;
        memcpy(packets->scratch + length, pieces[i], (size_t)lengths[i]);
    }
    return length;
}

/* The slot is HELD with all of the packet or not at all. */
static void fill_slot(struct resume_slot *slot, uint64_t number, uint16_t id, const char *packet,
                      size_t length)
{
    set_state(slot, FREE);
    atomic_store_explicit(&slot->number, number, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst); /* the compiler, too, keeps this order */
    memcpy(slot->packet, packet, length);
    slot->length = (uint32_t)length;
    slot->packet_id = id;
    slot->checksum = checksum(slot);
    FAILPOINT("before-held");
    set_state(slot, HELD);
    FAILPOINT("after-held");
}

static int put_publish(struct resume_packets *packets, uint16_t id, int count, char *pieces[],
                       const int lengths[])
{
    uint64_t number = 0; /* gcc 14 does not see that it is always set before it is used */
    size_t length = join(packets, count, pieces, lengths);
    if (!packet_number(packets->scratch, length, &number))
        return MQTTCLIENT_PERSISTENCE_ERROR;
    struct resume_slot *slot = resume_slot(packets->resume, number);
    if (packets->by_id[id] == slot && slot->number == number)
        return 0; /* sent again: it stays held, whatever happens now */
    fill_slot(slot, number, id, packets->scratch, length);
    packets->by_id[id] = slot;
    atomic_fetch_add(&packets->in_doubt, 1);
    return 0;
}

static int store_put(void *handle, char *key, int count, char *pieces[], int lengths[])
{
    struct resume_packets *packets = handle;
    uint16_t id;
    if (is_waiting(key))
        return resume_queue_put(packets->queue, key, count, pieces, lengths) ? 0
                                                                             : MQTTCLIENT_PERSISTENCE_ERROR;
    if (key_id(key, "s5-", &id))
        return put_publish(packets, id, count, pieces, lengths);
    if (key_id(key, "sc5-", &id) && packets->by_id[id]) {
        FAILPOINT("before-released");
        set_state(packets->by_id[id], RELEASED);
        FAILPOINT("after-released");
    }
    return 0;
}

static int store_get(void *handle, char *key, char **buffer, int *length)
{
    struct resume_packets *packets = handle;
    uint16_t id;
    *buffer = NULL;
    if (is_waiting(key)) {
        *buffer = resume_queue_take(packets->queue, key, length);
    } else if (key_id(key, "s5-", &id) && packets->by_id[id]) {
        const struct resume_slot *slot = packets->by_id[id];
        *length = (int)slot->length;
        if ((*buffer = MQTTAsync_malloc(slot->length)))
            memcpy(*buffer, slot->packet, slot->length);
    }
    return *buffer ? 0 : MQTTCLIENT_PERSISTENCE_ERROR;
}

/* A PUBREL goes only with its PUBLISH, at the end of the exchange: after PUBCOMP, or after a PUBREC that
 * refuses the message. The PUBLISH alone goes when the session is lost: resume_packets_forget. */
static int store_remove(void *handle, char *key)
{
    struct resume_packets *packets = handle;
    uint16_t id;
    if (key_id(key, "sc5-", &id) && packets->by_id[id]) {
        struct resume_slot *slot = packets->by_id[id];
        FAILPOINT("before-done");
        settle(packets, slot, state_of(slot) == RELEASED ? DONE : VOID);
        FAILPOINT("after-done");
    }
    return 0;
}

static int store_keys(void *handle, char ***keys, int *count)
{
    enum { KEY_SIZE = 16 };
    struct resume_packets *packets = handle;
    size_t held = resume_packets_in_doubt(packets), made = 0;
    *keys = held ? MQTTAsync_malloc(held * sizeof **keys) : NULL;
    for (unsigned id = 1; *keys && id < PACKET_IDS && made < held; id++) {
        if (!packets->by_id[id])
            continue;
        if (!((*keys)[made] = MQTTAsync_malloc(KEY_SIZE)))
            break;
        snprintf((*keys)[made++], KEY_SIZE, "s5-%u", id);
    }
    *count = (int)made;
    if (made == held)
        return 0;
    while (made > 0)
        MQTTAsync_free((*keys)[--made]);
    if (*keys)
        MQTTAsync_free(*keys);
    return MQTTCLIENT_PERSISTENCE_ERROR;
}

static int store_clear(void *handle)
{
    (void)handle; /* a lost session is told by resume_packets_forget */
    return 0;
}

static int store_contains(void *handle, char *key)
{
    struct resume_packets *packets = handle;
    uint16_t id;
    bool held =
        (key_id(key, "sc5-", &id) && packets->by_id[id] && state_of(packets->by_id[id]) == RELEASED) ||
        (key_id(key, "s5-", &id) && packets->by_id[id]);
    return held ? 0 : MQTTCLIENT_PERSISTENCE_ERROR;
}

/* ---- life ---- */

/* What is in doubt from before. A slot that is not whole says nothing: its message is sent anew. Nor does one
 * below the position, which a power loss may leave. */
static void restore(struct resume_packets *packets)
{
    uint64_t position = resume_position(packets->resume);
    for (size_t i = 0; i < resume_slot_count(packets->resume); i++) {
        struct resume_slot *slot = resume_slot(packets->resume, i);
        if (state_of(slot) == FREE || slot->number <= position)
            continue;
        if (!is_whole(packets->resume, slot) || (in_doubt(slot) && packets->by_id[slot->packet_id])) {
            set_state(slot, VOID);
        } else if (in_doubt(slot)) {
            packets->by_id[slot->packet_id] = slot;
            packets->in_doubt++;
        }
    }
}

void resume_packets_free(struct resume_packets *packets)
{
    if (packets->queue)
        resume_queue_free(packets->queue);
    free(packets->scratch);
    free(packets->by_id);
    free(packets);
}

struct resume_packets *resume_packets_new(struct resume *resume, size_t waiting)
{
    struct resume_packets *packets = calloc(1, sizeof *packets);
    if (!packets)
        return NULL;
    packets->by_id = calloc(PACKET_IDS, sizeof *packets->by_id);
    packets->scratch = malloc(resume_packet_max(resume));
    packets->queue = resume_queue_new(waiting);
    if (!packets->by_id || !packets->scratch || !packets->queue) {
        resume_packets_free(packets);
        return NULL;
    }
    packets->resume = resume;
    packets->store = (MQTTClient_persistence){packets,      store_open, store_close, store_put,     store_get,
                                              store_remove, store_keys, store_clear, store_contains};
    restore(packets);
    return packets;
}

/* ---- what the publisher calls ---- */

MQTTClient_persistence *resume_packets_store(struct resume_packets *packets)
{
    return &packets->store;
}

size_t resume_packets_in_doubt(const struct resume_packets *packets)
{
    return atomic_load(&packets->in_doubt);
}

bool resume_packets_used(const struct resume_packets *packets)
{
    size_t i = 0, count = resume_slot_count(packets->resume);
    while (i < count && state_of(resume_slot(packets->resume, i)) == FREE)
        i++;
    return i < count;
}

void resume_packets_watch(struct resume_packets *packets, void (*settled)(void *context), void *context)
{
    packets->settled = settled;
    packets->context = context;
}

size_t resume_packets_forget(struct resume_packets *packets)
{
    size_t count = resume_packets_in_doubt(packets);
    for (unsigned id = 1; id < PACKET_IDS; id++)
        if (packets->by_id[id])
            settle(packets, packets->by_id[id], VOID);
    return count;
}

/* The number is read before the state, and written after it: a slot that still is another message's, or is
 * being filled, never looks done. */
bool resume_packets_done(const struct resume_packets *packets, uint64_t number)
{
    const struct resume_slot *slot = resume_slot(packets->resume, number);
    return atomic_load_explicit(&slot->number, memory_order_acquire) == number && state_of(slot) == DONE;
}

uint64_t resume_packets_done_through(const struct resume_packets *packets, uint64_t position)
{
    while (resume_packets_done(packets, position + 1))
        position++;
    return position;
}
