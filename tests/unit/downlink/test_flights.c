#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "downlink/flights.h"

#include <string.h>

/* ---- the MQTT side, played ---- */

static bool takes;        /* messages */
static uint64_t connects; /* how often it was connected */
static char sent[100];    /* their payloads, of a character each */
static void *last;        /* sent */
static struct sender_outcome outcomes[4];
static size_t outcome_count;

bool __wrap_sender_send(struct sender *s, const char *topic, const void *payload, size_t length,
                        const MQTTProperties *properties, void *message);
bool __wrap_sender_outcome(struct sender *s, struct sender_outcome *outcome);
bool __wrap_sender_is_connected(const struct sender *s);
uint64_t __wrap_sender_connects(const struct sender *s);
size_t __wrap_sender_limit(struct sender *s);

bool __wrap_sender_send(struct sender *s, const char *topic, const void *payload, size_t length,
                        const MQTTProperties *properties, void *message)
{
    (void)s, (void)topic, (void)properties, (void)length;
    if (takes) {
        strncat(sent, payload, 1);
        last = message;
    }
    return takes;
}

bool __wrap_sender_outcome(struct sender *s, struct sender_outcome *outcome)
{
    (void)s;
    if (outcome_count == 0)
        return false;
    *outcome = outcomes[--outcome_count];
    return true;
}

bool __wrap_sender_is_connected(const struct sender *s)
{
    (void)s;
    return true;
}

uint64_t __wrap_sender_connects(const struct sender *s)
{
    (void)s;
    return connects;
}

size_t __wrap_sender_limit(struct sender *s)
{
    (void)s;
    return 10;
}

/* ---- the Kafka side, played ---- */

void __wrap_rd_kafka_message_destroy(rd_kafka_message_t *message);
const char *__wrap_rd_kafka_topic_name(const rd_kafka_topic_t *topic);
int64_t __wrap_rd_kafka_message_timestamp(const rd_kafka_message_t *message, rd_kafka_timestamp_type_t *type);
rd_kafka_resp_err_t __wrap_rd_kafka_message_headers(const rd_kafka_message_t *message,
                                                    rd_kafka_headers_t **headers);

void __wrap_rd_kafka_message_destroy(rd_kafka_message_t *message)
{
    (void)message;
}

const char *__wrap_rd_kafka_topic_name(const rd_kafka_topic_t *topic)
{
    (void)topic;
    return "t";
}

int64_t __wrap_rd_kafka_message_timestamp(const rd_kafka_message_t *message, rd_kafka_timestamp_type_t *type)
{
    (void)message, (void)type;
    return -1;
}

rd_kafka_resp_err_t __wrap_rd_kafka_message_headers(const rd_kafka_message_t *message,
                                                    rd_kafka_headers_t **headers)
{
    (void)message, (void)headers;
    return RD_KAFKA_RESP_ERR__NOENT;
}

/* ---- tests ---- */

/* One is in flight and the next held when the connection is lost with the session. The held one must not go
 * before what comes back: the step in which the new connection comes has not looked at that yet. */
static void test_a_held_message_waits_for_what_comes_back(void **state)
{
    struct downlink_settings settings = {.window = 10, .window_bytes = 1000, .to = "room"};
    struct counts counts = {0};
    struct flights flights;
    struct place place = {.assigned = true};
    rd_kafka_message_t a = {.payload = (char[]){"a"}, .len = 1, .offset = 0},
                       b = {.payload = (char[]){"b"}, .len = 1, .offset = 1};
    struct error error;
    (void)state;
    assert_true(template_parse(settings.to, &settings.template, &error));
    flights_open(&flights, &settings, NULL, NULL, &counts);
    offsets_start(&place.offsets, 0);

    takes = true;
    connects = 1;
    offsets_take(&place.offsets, 0);
    flights_start(&flights, &place, &a);
    void *first = last;
    takes = false;
    offsets_take(&place.offsets, 1);
    flights_start(&flights, &place, &b);
    takes = true;

    flights_settle(&flights); /* of a step that began with connection 1 */
    connects = 2;
    outcomes[outcome_count++] = (struct sender_outcome){.message = first, .result = SENDER_RETURNED};
    flights_again(&flights, 1);
    assert_string_equal(sent, "a");

    flights_settle(&flights); /* of the next */
    assert_true(place.rewind);
    place.life++; /* as partitions_rewind does */
    flights_again(&flights, 2);
    assert_string_equal(sent, "a");
    assert_int_equal(flights.count, 0);
    flights_close(&flights);
    offsets_free(&place.offsets);
    template_free(&settings.template);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_held_message_waits_for_what_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
