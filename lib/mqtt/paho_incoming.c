/* How Paho reads stands in paho_guard.c. Where a packet has not all come yet, Paho leaves, and begins again
 * with the first byte when more is there: SocketBuffer.c has kept what was read. SocketBuffer_cleanup is
 * called when a socket is closed. All under Paho's lock. */
#include "paho_incoming.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/out_of_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* The beginning of Paho's networkHandles. */
struct network {
    int socket;
};

int __real_WebSocket_getch(void *network, char *c);
char *__real_WebSocket_getdata(void *network, size_t bytes, size_t *actual);
void __real_SocketBuffer_cleanup(int socket);
void __wrap_SocketBuffer_cleanup(int socket);

enum { COMPLETE = 0, SOCKET_ERROR = -1 }; /* Paho's */
enum { PUBLISH = 3, LENGTH_BYTES = 4 };   /* MQTT 5 section 2.1 */

/* Of a PUBLISH that is too large: how much is read at once, how much of its beginning is looked at (the
 * longest topic and more), how much of its payload is kept. */
enum { PIECE = 64 << 10, HEAD = 96 << 10, KEPT = 4 << 10 };

enum { OTHER_PACKET_MAX = 1 << 20 };

static const int64_t patience = 30 * SECOND;
static const size_t least_bytes = 3000; /* in that time */

/* What stands before the payload that was cut. Nobody outside knows the cookie, so no publisher can write
 * one. */
struct mark {
    unsigned char cookie[16];
    uint64_t packet_size, payload_length;
};

/* Paho sees a PUBLISH of this length: always the same, as it must be known before the whole packet came. */
enum { SHORT_LENGTH = HEAD + sizeof(struct mark) };

static size_t message_max;
static bool with_properties;
static unsigned char cookie[16];

/* The fixed header of the packet that Paho is about to read, as far as it has not taken it. */
static struct {
    unsigned char bytes[1 + LENGTH_BYTES];
    int count, taken;
} header;

/* A PUBLISH that is too large, while it comes. */
static struct {
    bool active;
    int socket;
    unsigned char first;  /* byte of its header */
    size_t length, read;  /* of what follows its length */
    unsigned char *bytes; /* HEAD bytes: its beginning; then SHORT_LENGTH: what Paho sees of it */
} cut;

/* A packet that has come in part. */
static struct {
    int socket; /* 0: none */
    int64_t since;
    size_t bytes; /* that had come then */
} partial;

void paho_bound_messages(size_t bytes, bool properties)
{
    message_max = bytes;
    with_properties = properties;
    const int64_t times[] = {clock_realtime(), clock_monotonic()}; /* where there are no random numbers yet */
    memcpy(cookie, times, sizeof cookie);
    if (getrandom(cookie, sizeof cookie, GRND_NONBLOCK) < 0)
        log_debug(random_numbers_missing,
                  "no random numbers yet: the mark of cut messages comes from the clock");
}

bool paho_message_is_cut(const void *payload, size_t length, struct paho_cut *found)
{
    struct mark mark;
    if (message_max == 0 || length < sizeof mark || memcmp(payload, cookie, sizeof cookie) != 0)
        return false;
    memcpy(&mark, payload, sizeof mark);
    *found = (struct paho_cut){(const unsigned char *)payload + sizeof mark, mark.payload_length,
                               mark.packet_size};
    return true;
}

static void forget_cut(void)
{
    free(cut.bytes);
    memset(&cut, 0, sizeof cut);
}

/* ---- a broker that sends too slowly ---- */

/* A packet has come up to here, and not whole. False when it comes too slowly. */
static bool goes_on(int socket, size_t bytes)
{
    int64_t now = clock_monotonic();
    if (partial.socket == socket && now - partial.since < patience)
        return true;
    if (partial.socket == socket && bytes - partial.bytes < least_bytes) {
        log_warning(
            mqtt_slow_broker,
            "the MQTT broker has sent %zu bytes of a packet in the last %d s: leaving it. Look after the broker or the network",
            bytes - partial.bytes, (int)((now - partial.since) / SECOND));
        return false;
    }
    partial.socket = socket;
    partial.since = now;
    partial.bytes = bytes;
    return true;
}

/* ---- the header ---- */

/* Reads what follows the first byte of a packet: its length. */
static int read_length(struct network *network, size_t *length)
{
    *length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++) {
        char c;
        int rc = __real_WebSocket_getch(network, &c);
        if (rc != COMPLETE)
            return rc;
        header.bytes[header.count++] = (unsigned char)c;
        *length |= (size_t)(c & 0x7f) << (7 * i);
        if (!(c & 0x80))
            return COMPLETE;
    }
    return SOCKET_ERROR;
}

/* Has Paho read the header of the shorter packet. */
static void show_short_header(void)
{
    header.taken = 0;
    header.count = 1;
    header.bytes[0] = cut.first;
    for (size_t rest = SHORT_LENGTH; rest > 0; rest >>= 7)
        header.bytes[header.count++] = (unsigned char)((rest & 0x7f) | (rest >> 7 ? 0x80 : 0));
}

static int too_large(int socket, size_t length)
{
    unsigned type = header.bytes[0] >> 4;
    if (type != PUBLISH) {
        log_warning(mqtt_packet_too_large,
                    "the MQTT broker sends a packet of type %u with %zu bytes, more than %d: leaving it",
                    type, length, OTHER_PACKET_MAX);
        return SOCKET_ERROR;
    }
    forget_cut();
    cut.bytes = malloc(SHORT_LENGTH);
    if (!cut.bytes)
        out_of_memory(SHORT_LENGTH);
    cut.active = true;
    cut.socket = socket;
    cut.first = header.bytes[0];
    cut.length = length;
    show_short_header();
    return COMPLETE;
}

/* Reads the first byte of a packet with its length, before Paho makes room for what follows. */
static int read_header(struct network *network)
{
    char c;
    size_t length;
    int rc = __real_WebSocket_getch(network, &c);
    if (rc != COMPLETE)
        return rc;
    header.bytes[0] = (unsigned char)c;
    header.taken = 0;
    header.count = 1;
    rc = read_length(network, &length);
    if (rc != COMPLETE) {
        header.count = 0;
        return rc;
    }
    bool publish = header.bytes[0] >> 4 == PUBLISH;
    size_t most = publish ? message_max : OTHER_PACKET_MAX;
    size_t size = (size_t)header.count + length;
    rc = most > 0 && size > most ? too_large(network->socket, length) : COMPLETE;
    if (rc != COMPLETE)
        header.count = 0;
    return rc;
}

int paho_incoming_getch(void *paho_network, char *c)
{
    struct network *network = paho_network;
    if (header.taken == header.count) {
        int rc = COMPLETE;
        if (cut.active && cut.socket == network->socket)
            show_short_header();
        else
            rc = read_header(network);
        if (rc != COMPLETE)
            return rc;
    }
    *c = (char)header.bytes[header.taken++];
    return COMPLETE;
}

/* ---- what follows the header ---- */

/* Bytes of the head up to the payload with the properties, or without them where they are not whole in it:
 * then *properties is false. 0: there is no such packet. */
static size_t before_payload(size_t head, bool *properties)
{
    size_t at = 2 + (head < 2 ? 0 : (size_t)cut.bytes[0] << 8 | cut.bytes[1]) + (cut.first & 6 ? 2 : 0);
    size_t length = 0, end = at;
    *properties = with_properties;
    if (at > head)
        return 0;
    if (!with_properties)
        return at;
    for (int i = 0; i < LENGTH_BYTES && end < head; i++) {
        length |= (size_t)(cut.bytes[end] & 0x7f) << (7 * i);
        if (!(cut.bytes[end++] & 0x80))
            break;
    }
    if (length > cut.length - end)
        return 0;
    *properties = length <= head - end;
    return *properties ? end + length : at;
}

/* The packet has come whole: makes the shorter one of its head. */
static char *shorten(size_t *actual)
{
    size_t head = cut.length < HEAD ? cut.length : HEAD;
    bool properties;
    size_t before = before_payload(head, &properties);
    if (before == 0)
        return NULL;
    /* Where the properties are left out, all that follows them is too: their end is not known to be there. */
    bool dropped = with_properties && !properties;
    size_t kept = dropped ? 0 : head - before < KEPT ? head - before : KEPT;
    struct mark mark = {.packet_size = cut.length, .payload_length = kept};
    memcpy(mark.cookie, cookie, sizeof cookie);
    memmove(cut.bytes + before + dropped + sizeof mark, cut.bytes + before, kept);
    if (dropped)
        cut.bytes[before] = 0; /* the length of no properties */
    memcpy(cut.bytes + before + dropped, &mark, sizeof mark);
    size_t used = before + dropped + sizeof mark + kept;
    memset(cut.bytes + used, 0, SHORT_LENGTH - used);
    cut.active = false; /* the bytes stay until the next one: Paho looks at them */
    *actual = SHORT_LENGTH;
    return (char *)cut.bytes;
}

/* Reads on to the end of the packet. Incomplete: *actual is 0. */
static char *read_cut(struct network *network, size_t *actual)
{
    while (cut.read < cut.length) {
        size_t left = cut.length - cut.read, wanted = left < PIECE ? left : PIECE, got = 0;
        char *data = __real_WebSocket_getdata(network, wanted, &got);
        if (!data)
            return NULL;
        if (got < wanted) { /* they are Paho's to keep: the next call has them again */
            *actual = 0;
            return goes_on(network->socket, cut.read + got) ? data : NULL;
        }
        if (cut.read < HEAD)
            memcpy(cut.bytes + cut.read, data, wanted < HEAD - cut.read ? wanted : HEAD - cut.read);
        cut.read += wanted;
    }
    return shorten(actual);
}

char *paho_incoming_getdata(void *paho_network, size_t bytes, size_t *actual)
{
    struct network *network = paho_network;
    char *data;
    if (cut.active && cut.socket == network->socket) {
        data = read_cut(network, actual);
        if (!data || *actual > 0)
            partial.socket = 0;
        return data;
    }
    data = __real_WebSocket_getdata(network, bytes, actual);
    if (data && *actual < bytes)
        return goes_on(network->socket, *actual) ? data : NULL;
    partial.socket = 0;
    return data;
}

void __wrap_SocketBuffer_cleanup(int socket)
{
    if (cut.socket == socket)
        forget_cut();
    if (partial.socket == socket)
        partial.socket = 0;
    header.taken = header.count = 0;
    __real_SocketBuffer_cleanup(socket);
}
