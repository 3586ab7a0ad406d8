/* What lib/mqtt/packet_check.c accepts as a packet. Each is in memory of exactly its length, so that a
 * sanitizer notices reads beyond it. */
#include "mqtt/packet_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *check(bool mqtt5, uint8_t first, const void *body, size_t length)
{
    uint8_t *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, body, length);
    const char *wrong = packet_check(mqtt5, first, exact, length);
    free(exact);
    return wrong;
}

struct packet {
    bool mqtt5;
    uint8_t first;
    const char *body;
    size_t length;
};

#define PACKET(mqtt5, first, text)                                                                           \
    {                                                                                                        \
        mqtt5, first, text, sizeof(text) - 1                                                                 \
    }

static const struct packet whole[] = {
    PACKET(false, 0x20, "\0\0"),
    PACKET(true, 0x20, "\0\x01"), /* of a broker that knows MQTT 3.1.1 alone */
    PACKET(true, 0x20, "\0\0\x0b\x11\0\0\0\1\x21\0\1\x1f\0\0"),
    PACKET(false, 0x30, "\0\1xpayload"),
    PACKET(true, 0x30, "\0\1x\0"),
    PACKET(true, 0x32, "\0\1x\0\1\x0f\x26\0\1k\0\1v\x01\1\x0b\xff\x7f\x23\0\1payload"),
    PACKET(true, 0x40, "\0\1"),
    PACKET(true, 0x40, "\0\1\x87"),
    PACKET(true, 0x50, "\0\1\x87\5\x1f\0\2no"),
    PACKET(true, 0x62, "\0\1"),
    PACKET(false, 0x70, "\0\1"),
    PACKET(false, 0x90, "\0\1\2"),
    PACKET(true, 0x90, "\0\1\0\2"),
    PACKET(false, 0xb0, "\0\1"),
    PACKET(true, 0xb0, "\0\1\0\x11"),
    PACKET(true, 0xd0, ""),
    PACKET(true, 0xe0, ""),
    PACKET(true, 0xe0, "\x9c\4\x1c\0\1x"),
};

static const struct packet broken[] = {
    PACKET(true, 0x20, "\0"),
    PACKET(true, 0x20, "\0\0\3\x21\0\0"),
    PACKET(true, 0x20, "\0\0\5\x27\0\0\0\0"),
    PACKET(true, 0x20, "\0\0\2\x7f\0"),
    PACKET(true, 0x30, "\0\1x\x80"),
    PACKET(true, 0x30, "\0\1x"),
    PACKET(true, 0x30, "\0\1x\3\x26\0\1k\0\1v"),
    PACKET(true, 0x30, "\0\1x\xff\xff\xff\xff\x7f"),
    PACKET(false, 0x30, "\0\2x"),
    PACKET(false, 0x32, "\0\1x\0\0"),
    PACKET(false, 0x32, "\0\1x\1"),
    PACKET(false, 0x36, "\0\1x\0\1"),
    PACKET(true, 0x40, "\0\0"),
    PACKET(true, 0x40, "\0\1\0\4\x1f\0\2"),
    PACKET(true, 0x90, "\0\1\0"),
    PACKET(true, 0x90, "\0\1"),
    PACKET(false, 0x90, "\0\1"),
    PACKET(true, 0xb0, "\0\1\0"),
    PACKET(false, 0xe0, ""),
    PACKET(true, 0xf0, "\x18\0"),
    PACKET(true, 0x10, ""),
    PACKET(true, 0xc0, ""),
};

static void test_what_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        const char *wrong = check(whole[i].mqtt5, whole[i].first, whole[i].body, whole[i].length);
        if (wrong)
            fail_msg("packet %zu: %s", i, wrong);
    }
}

static void test_what_is_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        if (!check(broken[i].mqtt5, broken[i].first, broken[i].body, broken[i].length))
            fail_msg("packet %zu", i);
}

/* Cut anywhere, and with any byte changed to any other: nothing is read beyond the end. */
static void test_every_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        char body[64];
        for (size_t length = 0; length <= whole[i].length; length++)
            check(whole[i].mqtt5, whole[i].first, whole[i].body, length);
        for (size_t at = 0; at < whole[i].length; at++)
            for (int byte = 0; byte < 256; byte++) {
                memcpy(body, whole[i].body, whole[i].length);
                body[at] = (char)byte;
                check(whole[i].mqtt5, whole[i].first, body, whole[i].length);
            }
    }
}

static void test_packet_ids_and_reasons(void **state)
{
    (void)state;
    const uint8_t body[] = {1, 2, 0x87};
    assert_int_equal(packet_id(0x40, body, 2), 0x0102);
    assert_int_equal(packet_id(0x90, body, 3), 0x0102);
    assert_int_equal(packet_id(0x20, body, 3), 0);
    assert_int_equal(packet_reason(true, body, 3), 0x87);
    assert_int_equal(packet_reason(true, body, 2), 0);
    assert_int_equal(packet_reason(false, body, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_whole),
        cmocka_unit_test(test_what_is_broken),
        cmocka_unit_test(test_every_damage),
        cmocka_unit_test(test_packet_ids_and_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
