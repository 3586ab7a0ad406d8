/* The receiver with a connection of the test's own. */
#include "spool_fixture.h"

#include "bridge/in/receiver.h"
#include "mqtt/mqtt.h"

#include <poll.h>
#include <pthread.h>

enum { RECEIVE_MAXIMUM = 5, SPOOL_MAX = 40000 };

/* ---- the connection ---- */

static struct {
    struct mqtt_callbacks callbacks;
    const struct mqtt_session *session;
    int paused, resumed, reconnected;
    uint16_t receive_maximum; /* of the last reconnection */
} mqtt;

struct mqtt_connection *mqtt_open(const char *name, const struct mqtt_settings *settings,
                                  const struct mqtt_session *session, const struct mqtt_callbacks *callbacks,
                                  struct error *error)
{
    (void)name, (void)settings, (void)error;
    mqtt.session = session;
    mqtt.callbacks = *callbacks;
    return (struct mqtt_connection *)&mqtt;
}

bool mqtt_close(struct mqtt_connection *connection, bool end_session, int64_t timeout)
{
    (void)connection, (void)end_session, (void)timeout;
    return true;
}

void mqtt_pause(struct mqtt_connection *connection)
{
    (void)connection;
    mqtt.paused++;
}

void mqtt_resume(struct mqtt_connection *connection)
{
    (void)connection;
    mqtt.resumed++;
}

void mqtt_reconnect(struct mqtt_connection *connection, int reason_code, uint16_t receive_maximum)
{
    (void)connection, (void)reason_code;
    mqtt.reconnected++;
    mqtt.receive_maximum = receive_maximum;
}

enum mqtt_state mqtt_state(struct mqtt_connection *connection)
{
    (void)connection;
    return MQTT_SUBSCRIBED;
}

/* ---- the fixture ---- */

struct fixture {
    char folder[64];
    struct bridge_settings settings;
    struct route_filter filter;
    struct counters counters;
    struct spool *spool;
    struct receiver *receiver;
};

static void open_receiver(struct fixture *f)
{
    struct error error;
    memset(&mqtt, 0, sizeof mqtt);
    f->receiver = receiver_open(&f->settings, "test", f->spool, &f->counters, &error);
    assert_non_null(f->receiver);
}

static int begin(void **state, enum delivery_mode delivery)
{
    static struct fixture f;
    f = (struct fixture){.filter = {.filter = "t"}};
    *state = &f;
    log_nothing();
    make_folder(f.folder);
    struct spool_settings spool = spool_defaults(f.folder);
    spool.max_bytes = SPOOL_MAX;
    spool.segment_bytes = 4096;
    f.spool = open_with(&spool);
    f.settings = (struct bridge_settings){
        .filters = {.items = &f.filter, .count = 1},
        .qos = delivery == EXACTLY_ONCE ? 2 : 1,
        .receive_maximum = RECEIVE_MAXIMUM,
        .message_max = 10000,
        .delivery = (int)delivery,
        .spool_directory = f.folder,
        .spool_max = SPOOL_MAX,
    };
    counters_init(&f.counters);
    open_receiver(&f);
    return 0;
}

static int begin_at_least_once(void **state)
{
    return begin(state, AT_LEAST_ONCE);
}

static int begin_exactly_once(void **state)
{
    return begin(state, EXACTLY_ONCE);
}

static int end(void **state)
{
    struct fixture *f = *state;
    assert_true(receiver_close(f->receiver));
    spool_close(f->spool);
    counters_free(&f->counters);
    remove_folder(f->folder);
    return 0;
}

static void connect_with(bool session_present)
{
    mqtt.callbacks.connected(mqtt.callbacks.context,
                             &(struct mqtt_connected){.session_present = session_present});
}

static void receive(uint8_t qos, uint16_t packet_id, size_t length)
{
    static const char payload[SPOOL_MAX];
    static const MQTTProperties none;
    const struct mqtt_message message = {.topic = "t",
                                         .topic_length = 1,
                                         .payload = payload,
                                         .payload_length = length,
                                         .properties = &none,
                                         .packet_id = packet_id,
                                         .qos = qos};
    mqtt.callbacks.message(mqtt.callbacks.context, &message);
}

static uint64_t reconnects(struct fixture *f, enum mqtt_reconnect reason)
{
    return atomic_load(&f->counters.mqtt_reconnects[reason]);
}

static bool has_something_to_do(struct fixture *f)
{
    struct pollfd wait = {.fd = receiver_fd(f->receiver), .events = POLLIN};
    return poll(&wait, 1, 0) > 0;
}

static void deliver_all(struct fixture *f)
{
    assert_true(spool_advance(f->spool, spool_next_id(f->spool)));
    spool_save(f->spool);
}

/* ---- messages ---- */

static void test_a_message_is_stored_when_the_callback_returns(void **state)
{
    struct fixture *f = *state;
    struct spool_record record;
    struct error error;
    receive(1, 7, 4);
    assert_int_equal(spool_read(f->spool, &record, &error), SPOOL_READ_RECORD);
    assert_int_equal(record.payload.length, 4);
    assert_int_equal(record.packet_id, 0);
    assert_false(spool_holds(f->spool, 7));
    assert_int_equal(atomic_load(&f->counters.received_bytes), 5);
    assert_true(receiver_is_idle(f->receiver));
}

static void test_only_qos_2_holds_its_packet_id(void **state)
{
    struct fixture *f = *state;
    receive(1, 6, 1);
    receive(2, 7, 1);
    assert_false(spool_holds(f->spool, 6));
    assert_true(spool_holds(f->spool, 7));
    assert_non_null(mqtt.session->persistence);
}

static void test_a_lost_session_holds_no_ids(void **state)
{
    struct fixture *f = *state;
    connect_with(true);
    receive(2, 7, 1);
    connect_with(true);
    assert_true(spool_holds(f->spool, 7));
    connect_with(false);
    assert_false(spool_holds(f->spool, 7));
    assert_int_equal(reconnects(f, MQTT_RECONNECT_LOST), 2);
}

/* ---- the spool's bound ---- */

static void test_leaves_near_the_bound_and_comes_back(void **state)
{
    struct fixture *f = *state;
    connect_with(true);
    receiver_regulate(f->receiver);
    assert_int_equal(mqtt.paused, 0);
    for (int i = 0; i < 37; i++)
        receive(1, 1, 1000);
    receiver_regulate(f->receiver);
    receiver_regulate(f->receiver);
    assert_int_equal(mqtt.paused, 1);
    assert_int_equal(mqtt.resumed, 0);
    assert_false(has_something_to_do(f));
    deliver_all(f);
    assert_true(has_something_to_do(f));
    receiver_regulate(f->receiver);
    assert_int_equal(mqtt.resumed, 1);
    connect_with(true);
    assert_int_equal(reconnects(f, MQTT_RECONNECT_SPOOL_FULL), 1);
}

static void *receive_large(void *context)
{
    (void)context;
    receive(1, 1, SPOOL_MAX / 3);
    return NULL;
}

static void test_a_message_that_does_not_fit_waits_and_is_not_lost(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    for (int i = 0; i < 30; i++)
        receive(1, 1, 1000);
    assert_int_equal(pthread_create(&thread, NULL, receive_large, NULL), 0);
    struct pollfd wait = {.fd = receiver_fd(f->receiver), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 20000), 1);
    receiver_regulate(f->receiver);
    assert_int_equal(mqtt.paused, 1);
    assert_false(receiver_is_idle(f->receiver));
    assert_int_equal(stats_of(f->spool).received, 30);
    deliver_all(f);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(stats_of(f->spool).received, 31);
    receiver_regulate(f->receiver);
    assert_int_equal(mqtt.resumed, 1);
}

/* ---- a broker that floods ---- */

static void test_a_flood_is_noticed_once_and_remembered(void **state)
{
    struct fixture *f = *state;
    connect_with(true);
    for (uint16_t id = 1; id <= RECEIVE_MAXIMUM; id++)
        receive(2, id, 1);
    assert_int_equal(mqtt.reconnected, 0);
    receive(2, RECEIVE_MAXIMUM + 1, 1);
    receive(2, RECEIVE_MAXIMUM + 2, 1);
    assert_int_equal(mqtt.reconnected, 1);
    assert_int_equal(mqtt.receive_maximum, 1);
    connect_with(true);
    assert_int_equal(reconnects(f, MQTT_RECONNECT_FLOOD), 1);
    connect_with(false); /* nothing is held any more: only the mark tells */
    assert_true(receiver_close(f->receiver));
    open_receiver(f);
    assert_int_equal(mqtt.session->receive_maximum, 1);
}

/* ---- the end ---- */

static void test_a_connection_that_failed_for_good_is_told(void **state)
{
    struct fixture *f = *state;
    assert_false(receiver_failed(f->receiver));
    mqtt.callbacks.failed(mqtt.callbacks.context, "the test says so");
    assert_true(receiver_failed(f->receiver));
    assert_true(has_something_to_do(f));
}

int main(void)
{
#define TEST(name, way) cmocka_unit_test_setup_teardown(name, begin_##way, end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_message_is_stored_when_the_callback_returns, at_least_once),
        TEST(test_only_qos_2_holds_its_packet_id, exactly_once),
        TEST(test_a_lost_session_holds_no_ids, exactly_once),
        TEST(test_leaves_near_the_bound_and_comes_back, at_least_once),
        TEST(test_a_message_that_does_not_fit_waits_and_is_not_lost, at_least_once),
        TEST(test_a_flood_is_noticed_once_and_remembered, exactly_once),
        TEST(test_a_connection_that_failed_for_good_is_told, at_least_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
