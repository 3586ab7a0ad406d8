/* What Paho reads is bounded: large messages are cut; other large packets, and too slow ones, end the
 * connection. The functions of Paho below and above it are fakes. */
#include "mqtt/paho_incoming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COMPLETE = 0, INTERRUPTED = -22, FAILED = -1, LIMIT = 200000 };

struct network {
    int socket;
};

void __wrap_SocketBuffer_cleanup(int socket);
int __real_WebSocket_getch(void *network, char *c);
char *__real_WebSocket_getdata(void *network, size_t bytes, size_t *actual);
void __real_SocketBuffer_cleanup(int socket);
int64_t __wrap_clock_monotonic(void);

/* ---- the socket, and what SocketBuffer.c keeps of it ---- */

static unsigned char *stream;    /* what the broker sends */
static size_t sent, taken, came; /* its length; what was taken; up to where it has come */
static unsigned char header[5];
static size_t header_length, header_at;
static char *buffer;
static size_t buffered, largest; /* in the buffer; the greatest room that was made */
static int64_t now;

int64_t __wrap_clock_monotonic(void)
{
    return now;
}

int __real_WebSocket_getch(void *network, char *c)
{
    (void)network;
    if (header_at < header_length) {
        *c = (char)header[header_at++];
        return COMPLETE;
    }
    if (taken == came) {
        header_at = 0;
        return INTERRUPTED;
    }
    *c = (char)stream[taken++];
    header[header_length++] = (unsigned char)*c;
    header_at = header_length;
    return COMPLETE;
}

char *__real_WebSocket_getdata(void *network, size_t bytes, size_t *actual)
{
    (void)network;
    size_t wanted = bytes - buffered, there = came - taken, got = wanted < there ? wanted : there;
    if (bytes > largest)
        largest = bytes;
    buffer = realloc(buffer, bytes + 1);
    memcpy(buffer + buffered, stream + taken, got);
    taken += got;
    buffered += got;
    *actual = buffered;
    header_at = 0;
    if (buffered == bytes)
        buffered = header_length = 0;
    return buffer;
}

void __real_SocketBuffer_cleanup(int socket)
{
    (void)socket;
    buffered = header_length = header_at = 0;
}

/* ---- Paho: MQTTPacket_Factory ---- */

static struct network network = {7};
static unsigned char first; /* byte of the packet */
static char *body;
static size_t body_length;

static int factory(void)
{
    char c;
    size_t actual = 0;
    int rc = paho_incoming_getch(&network, &c);
    if (rc != COMPLETE)
        return rc;
    first = (unsigned char)c;
    body_length = 0;
    for (int shift = 0;; shift += 7) {
        if ((rc = paho_incoming_getch(&network, &c)) != COMPLETE)
            return rc;
        body_length |= (size_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            break;
    }
    body = paho_incoming_getdata(&network, body_length, &actual);
    if (body_length && !body)
        return FAILED;
    return actual < body_length ? INTERRUPTED : COMPLETE;
}

/* ---- the broker ---- */

static int set_up(void **state)
{
    (void)state;
    stream = NULL;
    sent = taken = came = largest = 0;
    now = 1000000000;
    __wrap_SocketBuffer_cleanup(network.socket);
    paho_bound_messages(LIMIT, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    __wrap_SocketBuffer_cleanup(network.socket);
    free(stream);
    free(buffer);
    buffer = NULL;
    return 0;
}

static void add(const void *bytes, size_t length)
{
    stream = realloc(stream, sent + length);
    assert_non_null(stream);
    memcpy(stream + sent, bytes, length);
    sent += length;
}

static void add_length(size_t length)
{
    do {
        unsigned char byte = (unsigned char)((length & 0x7f) | (length >> 7 ? 0x80 : 0));
        add(&byte, 1);
        length >>= 7;
    } while (length > 0);
}

/* A PUBLISH at QoS 1 to "a/b" with packet id 5, with properties of that many bytes (0: MQTT 3.1.1 has none)
 * and a payload of digits. Returns what follows its length. */
static size_t add_publish(size_t properties, size_t payload)
{
    static const unsigned char start[] = {0, 3, 'a', '/', 'b', 0, 5};
    unsigned char type = 0x32;
    size_t length_bytes = properties == 0 ? 0 : properties < 128 ? 1 : properties < 16384 ? 2 : 3;
    size_t length = sizeof start + length_bytes + properties + payload;
    add(&type, 1);
    add_length(length);
    add(start, sizeof start);
    if (properties)
        add_length(properties);
    char *filling = malloc(properties + payload);
    for (size_t i = 0; i < properties + payload; i++)
        filling[i] = i < properties ? 'p' : (char)('0' + (i - properties) % 10);
    add(filling, properties + payload);
    free(filling);
    return length;
}

static void expect_whole(size_t payload)
{
    struct paho_cut cut;
    assert_int_equal(factory(), COMPLETE);
    assert_int_equal(first, 0x32);
    assert_memory_equal(body, "\0\3a/b\0\5", 7);
    assert_false(paho_message_is_cut(body + 8 + 1, payload, &cut));
}

/* The message, of which `head` bytes come before the payload as Paho sees it. */
static struct paho_cut expect_cut(size_t head, size_t packet_size)
{
    struct paho_cut cut = {0};
    assert_int_equal(first, 0x32);
    assert_memory_equal(body, "\0\3a/b\0\5", 7);
    assert_true(paho_message_is_cut(body + head, body_length - head, &cut));
    assert_int_equal(cut.packet_size, packet_size);
    for (size_t i = 0; i < cut.payload_length; i++)
        assert_int_equal(((const char *)cut.payload)[i], '0' + i % 10);
    return cut;
}

/* ---- the tests ---- */

static void test_what_is_allowed_comes_whole(void **state)
{
    (void)state;
    add_publish(1, 20);
    add_publish(1, LIMIT - 4 - 7 - 2); /* with its header just as large as it may be */
    came = sent;
    expect_whole(20);
    assert_int_equal(body_length, 7 + 2 + 20);
    expect_whole(LIMIT - 4 - 7 - 2);
    assert_int_equal(factory(), INTERRUPTED);
}

static void test_a_large_message_is_cut_and_the_next_one_is_whole(void **state)
{
    (void)state;
    size_t size = add_publish(1, 5000000);
    add_publish(1, 20);
    came = sent;
    assert_int_equal(factory(), COMPLETE);
    assert_int_equal(expect_cut(9, size).payload_length, 4096);
    assert_true(largest <= 65536);
    expect_whole(20);
}

static void test_it_may_come_in_pieces_of_any_length(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 300000; piece = piece * 3 + 1) {
        set_up(NULL);
        size_t size = add_publish(1, piece < 1000 ? LIMIT : 3000000);
        add_publish(1, 20);
        int rc;
        do {
            came = came + piece < sent ? came + piece : sent;
            now += 10000000; /* not too slowly for any of them */
            rc = factory();
        } while (rc == INTERRUPTED);
        assert_int_equal(rc, COMPLETE);
        expect_cut(9, size);
        came = sent;
        expect_whole(20);
        tear_down(NULL);
    }
    set_up(NULL);
}

static void test_one_more_byte_than_allowed_is_too_many(void **state)
{
    (void)state;
    size_t size = add_publish(1, LIMIT + 1 - 4 - 7 - 2);
    came = sent;
    assert_int_equal(factory(), COMPLETE);
    expect_cut(9, size);
}

static void test_mqtt_3_1_1_has_no_properties(void **state)
{
    (void)state;
    paho_bound_messages(LIMIT, false);
    size_t size = add_publish(0, 1000000);
    came = sent;
    assert_int_equal(factory(), COMPLETE);
    assert_int_equal(expect_cut(7, size).payload_length, 4096);
}

static void test_properties_stay_where_they_fit(void **state)
{
    (void)state;
    size_t size = add_publish(5000, 1000000);
    came = sent;
    assert_int_equal(factory(), COMPLETE);
    assert_memory_equal(body + 7, "\x88\x27pp", 4);
    expect_cut(7 + 2 + 5000, size);
}

static void test_longer_ones_are_left_out_with_all_that_follows(void **state)
{
    (void)state;
    size_t size = add_publish(500000, 1000);
    came = sent;
    assert_int_equal(factory(), COMPLETE);
    assert_int_equal(body[7], 0);
    assert_int_equal(expect_cut(8, size).payload_length, 0);
}

static void test_a_publish_that_is_none_ends_the_connection(void **state)
{
    static const unsigned char long_topic[] = {0xff, 0xff},
                               long_properties[] = {0, 1, 't', 0, 5, 0xff, 0xff, 0xff, 0x7f};
    (void)state;
    for (int i = 0; i < 2; i++) {
        set_up(NULL);
        paho_bound_messages(300, true);
        unsigned char type = 0x32, zeros[1000] = {0};
        add(&type, 1);
        add_length(i ? 9 + 991 : 1000);
        add(i ? long_properties : long_topic, i ? 9 : 2);
        add(zeros, i ? 991 : 998);
        came = sent;
        assert_int_equal(factory(), FAILED);
        tear_down(NULL);
    }
    set_up(NULL);
}

static void test_another_large_packet_ends_the_connection(void **state)
{
    (void)state;
    unsigned char suback = 0x90;
    add(&suback, 1);
    add_length(200 << 20);
    came = sent;
    assert_int_equal(factory(), FAILED);
    assert_int_equal(largest, 0);
}

static void test_a_length_without_end_ends_the_connection(void **state)
{
    (void)state;
    add("\x32\xff\xff\xff\xff\x01", 6);
    came = sent;
    assert_int_equal(factory(), FAILED);
}

static void test_without_a_bound_all_is_whole(void **state)
{
    (void)state;
    paho_bound_messages(0, true);
    add_publish(1, 5000000);
    came = sent;
    expect_whole(5000000);
}

static void test_a_connection_that_breaks_leaves_nothing(void **state)
{
    (void)state;
    add_publish(1, 5000000);
    came = 1000000;
    assert_int_equal(factory(), INTERRUPTED);
    __wrap_SocketBuffer_cleanup(network.socket);
    sent = taken = came = 0;
    add_publish(1, 20);
    came = sent;
    expect_whole(20);
}

/* A packet of which a byte a second comes: after how many seconds is the connection left? 0: never. */
static int left_after(size_t payload, size_t bytes_a_second)
{
    int rc = INTERRUPTED, seconds = 0;
    add_publish(1, payload);
    while (rc == INTERRUPTED) {
        came = came + bytes_a_second < sent ? came + bytes_a_second : sent;
        rc = factory();
        now += 1000000000;
        seconds++;
    }
    return rc == COMPLETE ? 0 : seconds;
}

static void test_a_byte_a_second_is_too_slow(void **state)
{
    (void)state;
    assert_in_range(left_after(100000, 1), 30, 40);
}

static void test_a_byte_a_second_of_a_large_message_too(void **state)
{
    (void)state;
    assert_in_range(left_after(10000000, 1), 30, 40);
}

static void test_a_slow_network_is_not(void **state)
{
    (void)state;
    assert_int_equal(left_after(100000, 110), 0);
}

static void test_a_mark_that_a_publisher_writes_is_none(void **state)
{
    struct paho_cut cut;
    char zeros[64] = {0};
    (void)state;
    assert_false(paho_message_is_cut(zeros, sizeof zeros, &cut));
    assert_false(paho_message_is_cut(zeros, 3, &cut));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_allowed_comes_whole),
        TEST(test_a_large_message_is_cut_and_the_next_one_is_whole),
        TEST(test_it_may_come_in_pieces_of_any_length),
        TEST(test_one_more_byte_than_allowed_is_too_many),
        TEST(test_mqtt_3_1_1_has_no_properties),
        TEST(test_properties_stay_where_they_fit),
        TEST(test_longer_ones_are_left_out_with_all_that_follows),
        TEST(test_a_publish_that_is_none_ends_the_connection),
        TEST(test_another_large_packet_ends_the_connection),
        TEST(test_a_length_without_end_ends_the_connection),
        TEST(test_without_a_bound_all_is_whole),
        TEST(test_a_connection_that_breaks_leaves_nothing),
        TEST(test_a_byte_a_second_is_too_slow),
        TEST(test_a_byte_a_second_of_a_large_message_too),
        TEST(test_a_slow_network_is_not),
        TEST(test_a_mark_that_a_publisher_writes_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
