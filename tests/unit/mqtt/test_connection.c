/* The life of a connection: each cell of its table, and the paths through it, with a fake Paho and clock. */
#include "fake_paho.h"

/* ---- the table ---- */

enum {
    o = STAY,
    WA = WAITING,
    CG = CONNECTING,
    CA = CANCELLED,
    EX = EXPLAINING,
    CO = CONNECTED,
    SU = SUBSCRIBING,
    RY = READY,
    RE = RECONNECTING,
    PG = PAUSING,
    PD = PAUSED,
    FG = FAILING,
    FD = FAILED,
    CI = CLOSING,
    CL = CLOSED
};

/* clang-format off */
static const struct {
    enum connection_state from;
    enum mqtt_state shown;
    unsigned char to[CONNECTION_EVENTS];
} expected[] = {
    /*                                  due unre  ask  gra leav refu lost fail paus resu reco clos */
    {WAITING,      MQTT_DISCONNECTED, { CG,   o,   o,   o,   o,   o,   o,  FD,  PD,   o,   o,  CL}},
    {CONNECTING,   MQTT_CONNECTING,   {  o,  EX,  CO,  RY,  RE,  WA,   o,  FD,  CA,   o,   o,  CL}},
    {CANCELLED,    MQTT_CONNECTING,   {  o,  PD,  PG,  PG,  PG,  PD,   o,  FD,   o,  CG,   o,  CL}},
    {EXPLAINING,   MQTT_CONNECTING,   { EX,   o,   o,   o,   o,  WA,   o,  FD,  PD,   o,   o,  CL}},
    {CONNECTED,    MQTT_CONNECTED,    { SU,   o,   o,   o,   o,   o,  WA,  FG,  PG,   o,  RE,  CI}},
    {SUBSCRIBING,  MQTT_CONNECTED,    { SU,   o,  CO,  RY,  RE,   o,  WA,  FG,  PG,   o,  RE,  CI}},
    {READY,        MQTT_SUBSCRIBED,   {  o,   o,   o,   o,   o,   o,  WA,  FG,  PG,   o,  RE,  CI}},
    {RECONNECTING, MQTT_DISCONNECTED, { WA,   o,   o,   o,   o,   o,   o,  FG,  PG,   o,   o,  CL}},
    {PAUSING,      MQTT_PAUSED,       { PD,   o,   o,   o,   o,   o,   o,  FG,   o,  RE,   o,  CL}},
    {PAUSED,       MQTT_PAUSED,       {  o,   o,   o,   o,   o,   o,   o,  FD,   o,  WA,   o,  CL}},
    {FAILING,      MQTT_FAILED,       { FD,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,  CL}},
    {FAILED,       MQTT_FAILED,       {  o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,  CL}},
    {CLOSING,      MQTT_DISCONNECTED, {  o,   o,   o,   o,   o,   o,  CL,  CL,   o,   o,   o,   o}},
    {CLOSED,       MQTT_DISCONNECTED, {  o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o}},
};
/* clang-format on */

static void test_each_event_in_each_state(void **state)
{
    struct mqtt_connection c = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        for (int event = 0; event < CONNECTION_EVENTS; event++) {
            enum connection_state from = c.state = expected[i].from, to = expected[i].to[event];
            c.due = 1;
            assert_int_equal(mqtt_state(&c), expected[i].shown);
            bool moved = connection_event(&c, (enum connection_event)event, 7);
            if (moved != (to != STAY) || c.state != (moved ? to : from) || c.due != (moved ? 7 : 1))
                fail_msg("state %d, event %d: state %d", (int)from, event, (int)c.state);
        }
    assert_int_equal(sizeof expected / sizeof *expected, CONNECTION_STATES - 1);
}

/* The connection is lost between the moment that work is due and its beginning. */
static void test_work_that_begins_late_leaves_the_time(void **state)
{
    const struct mqtt_session nothing = {.filter_count = 0};
    struct mqtt_connection c = {
        .mutex = PTHREAD_MUTEX_INITIALIZER, .session = &nothing, .state = WAITING, .due = 7};
    (void)state;
    connection_subscribe(&c);
    atomic_store(&c.message_came, true);
    assert_int_equal(c.due, 7);
    connection_await_grants(&c);
    assert_int_equal(c.due, 7);
}

/* ---- a connection ---- */

static struct {
    int connected, subscribed, disconnected, failed, delivered, returned;
    bool session_present;
} told;

static void on_connected(void *context, const struct mqtt_connected *connected)
{
    (void)context;
    told.connected++;
    told.session_present = connected->session_present;
}

static void on_subscribed(void *context)
{
    (void)context;
    told.subscribed++;
}

static void on_disconnected(void *context)
{
    (void)context;
    told.disconnected++;
}

static void on_published(void *context, void *message, bool delivered, int reason)
{
    (void)context, (void)message, (void)reason;
    told.delivered += delivered;
    told.returned += !delivered;
}

static void on_failed(void *context, const char *message)
{
    (void)context, (void)message;
    told.failed++;
}

static struct mqtt_settings settings;
static struct mqtt_session session;

static int set_up(void **state)
{
    static const char *const filters[] = {"temp"};
    struct error error;
    (void)state;
    memset(&told, 0, sizeof told);
    memset(paho.calls, 0, sizeof paho.calls);
    paho.probe_result = MQTT_PROBE_MAY_PASS;
    settings =
        (struct mqtt_settings){.host = "127.0.0.1", .version = MQTT_VERSION_5, .keepalive = 30 * SECOND};
    session = (struct mqtt_session){.filters = filters, .filter_count = 1, .qos = 1, .session_expiry = 60};
    assert_true(mqtt_settings_complete(&settings, &error));
    return 0;
}

static struct mqtt_connection *start(void)
{
    const struct mqtt_callbacks callbacks = {NULL,         on_connected, on_subscribed, NULL, on_disconnected,
                                             on_published, on_failed};
    struct error error;
    struct mqtt_connection *c = mqtt_open("test", &settings, &session, &callbacks, &error);
    assert_non_null(c);
    await(CONNECT, 1);
    return c;
}

/* The connection is made and the subscriptions are granted. */
static struct mqtt_connection *start_ready(void)
{
    struct mqtt_connection *c = start();
    accept_connection(false, NULL);
    if (session.filter_count) {
        await(SUBSCRIBE, 1);
        answer_subscription(1);
    }
    assert_int_equal(mqtt_state(c), MQTT_SUBSCRIBED);
    return c;
}

static void stop(struct mqtt_connection *c)
{
    assert_true(mqtt_close(c, false, SECOND));
}

static enum connection_state state_of(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    enum connection_state state = c->state;
    pthread_mutex_unlock(&c->mutex);
    return state;
}

/* Waits until it is no longer in the state explaining, some seconds at most. */
static void await_explanation(struct mqtt_connection *c)
{
    const struct timespec moment = {.tv_nsec = MILLISECOND};
    for (int i = 0; i < 10000 && state_of(c) == EXPLAINING; i++)
        nanosleep(&moment, NULL);
    assert_int_not_equal(state_of(c), EXPLAINING);
}

/* Waits until it has seen that a message came, some seconds at most. */
static void await_extension(struct mqtt_connection *c)
{
    const struct timespec moment = {.tv_nsec = MILLISECOND};
    for (int i = 0; i < 10000 && atomic_load(&c->message_came); i++)
        nanosleep(&moment, NULL);
    assert_false(atomic_load(&c->message_came));
}

static void test_from_beginning_to_end(void **state)
{
    (void)state;
    struct mqtt_connection *c = start();
    assert_int_equal(mqtt_state(c), MQTT_CONNECTING);
    accept_connection(false, NULL);
    await(SUBSCRIBE, 1);
    assert_int_equal(mqtt_state(c), MQTT_CONNECTED);
    answer_subscription(1);
    assert_int_equal(mqtt_state(c), MQTT_SUBSCRIBED);
    assert_true(told.connected == 1 && told.subscribed == 1 && !told.session_present);
    assert_true(mqtt_close(c, true, SECOND));
    assert_int_equal(calls(DISCONNECT), 1);
    assert_int_equal(paho.session_expiry, 0);
    assert_int_equal(calls(DESTROY), 1);
    assert_int_equal(told.failed, 0);
}

static void test_a_lost_connection_is_made_again(void **state)
{
    (void)state;
    struct mqtt_connection *c = start_ready();
    lose_connection();
    lose_connection(); /* Paho reports it twice */
    assert_int_equal(told.disconnected, 1);
    assert_int_equal(mqtt_state(c), MQTT_DISCONNECTED);
    assert_int_equal(calls(CONNECT), 1); /* not at once */
    pass(c, SECOND);
    await(CONNECT, 2);
    lose_connection();
    assert_int_equal(mqtt_state(c), MQTT_CONNECTING);
    accept_connection(true, NULL);
    await(SUBSCRIBE, 2);
    assert_true(told.session_present);
    stop(c);
}

static void test_a_refused_connection(void **state)
{
    (void)state;
    struct mqtt_connection *c = start();
    refuse_connection(MQTTREASONCODE_SERVER_BUSY);
    assert_int_equal(state_of(c), WAITING);
    pass(c, SECOND);
    await(CONNECT, 2);
    refuse_connection(
        MQTTREASONCODE_NOT_AUTHORIZED); /* never accepted before: only the user can correct it */
    assert_int_equal(mqtt_state(c), MQTT_FAILED);
    assert_int_equal(told.failed, 1);
    pass(c, MINUTE);
    stop(c);
    assert_int_equal(calls(CONNECT), 2);
}

static void test_a_connection_that_was_accepted_before(void **state)
{
    (void)state;
    struct mqtt_connection *c = start_ready();
    lose_connection();
    pass(c, SECOND);
    await(CONNECT, 2);
    refuse_connection(MQTTREASONCODE_NOT_AUTHORIZED);
    assert_int_equal(state_of(c), WAITING);
    stop(c);
    assert_int_equal(told.failed, 0);
}

static void test_a_broker_that_cannot_be_reached(void **state)
{
    (void)state;
    struct mqtt_connection *c = start();
    refuse_connection(0);
    await(PROBE, 1);
    await_explanation(c);
    assert_int_equal(state_of(c), WAITING);
    pass(c, SECOND);
    await(CONNECT, 2);
    paho.probe_result = MQTT_PROBE_NEEDS_USER;
    refuse_connection(0);
    await(PROBE, 2);
    await_explanation(c);
    assert_int_equal(mqtt_state(c), MQTT_FAILED);
    stop(c);
    assert_int_equal(told.failed, 1);
}

static void test_a_pause(void **state)
{
    (void)state;
    struct mqtt_connection *c = start_ready();
    mqtt_pause(c);
    assert_int_equal(mqtt_state(c), MQTT_PAUSED);
    await(DISCONNECT, 1);
    assert_int_equal(paho.disconnect_reason, MQTTREASONCODE_SUCCESS);
    pass(c, MINUTE);
    mqtt_resume(c);
    assert_int_equal(mqtt_state(c), MQTT_DISCONNECTED);
    pass(c, MINUTE);
    await(CONNECT, 2);
    stop(c);
    assert_int_equal(told.disconnected, 1);
}

static void test_a_pause_while_it_connects(void **state)
{
    (void)state;
    struct mqtt_connection *c = start();
    mqtt_pause(c);
    accept_connection(false, NULL);
    assert_int_equal(mqtt_state(c), MQTT_PAUSED);
    await(DISCONNECT, 1);
    mqtt_resume(c);
    pass(c, MINUTE);
    await(CONNECT, 2);
    mqtt_pause(c);
    mqtt_resume(c); /* in time: the CONNECT may go on */
    accept_connection(true, NULL);
    await(SUBSCRIBE, 1);
    assert_int_equal(calls(DISCONNECT), 1);
    stop(c);
}

static void test_another_receive_maximum(void **state)
{
    (void)state;
    session.receive_maximum = 20;
    struct mqtt_connection *c = start_ready();
    assert_int_equal(paho.receive_maximum, 20);
    mqtt_reconnect(c, MQTTREASONCODE_RECEIVE_MAXIMUM_EXCEEDED, 5);
    await(DISCONNECT, 1);
    assert_int_equal(paho.disconnect_reason, MQTTREASONCODE_RECEIVE_MAXIMUM_EXCEEDED);
    pass(c, SECOND);
    await(CONNECT, 2);
    assert_int_equal(paho.receive_maximum, 5);
    mqtt_reconnect(c, MQTTREASONCODE_RECEIVE_MAXIMUM_EXCEEDED, 1); /* too late for this CONNECT */
    accept_connection(true, NULL);
    await(DISCONNECT, 2);
    pass(c, SECOND);
    await(CONNECT, 3);
    assert_int_equal(paho.receive_maximum, 1);
    stop(c);
}

static void test_a_broker_that_wants_a_shorter_keep_alive(void **state)
{
    (void)state;
    struct mqtt_connection *c = start();
    MQTTProperties shorter = number(MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 7);
    assert_int_equal(paho.connect.keepAliveInterval, 30);
    accept_connection(false, &shorter);
    assert_int_equal(told.connected, 0);
    await(DISCONNECT, 1);
    pass(c, SECOND);
    await(CONNECT, 2);
    assert_int_equal(paho.connect.keepAliveInterval, 7);
    accept_connection(true, &shorter);
    assert_true(told.connected == 1 && !told.session_present); /* it began with the connection before */
    await(SUBSCRIBE, 1);
    stop(c);
    MQTTProperties_free(&shorter);
}

static void test_a_broker_that_supports_too_little(void **state)
{
    (void)state;
    MQTTProperties lower = number(MQTTPROPERTY_CODE_MAXIMUM_QOS, 0);
    struct mqtt_connection *c = start_ready();
    lose_connection();
    pass(c, SECOND);
    await(CONNECT, 2);
    accept_connection(true, &lower); /* it did grant the QoS before */
    await(DISCONNECT, 1);
    pass(c, MINUTE);
    await(CONNECT, 3);
    stop(c);
    assert_int_equal(told.failed, 0);
    memset(paho.calls, 0, sizeof paho.calls);
    c = start();
    accept_connection(false, &lower);
    assert_int_equal(mqtt_state(c), MQTT_FAILED);
    stop(c);
    MQTTProperties_free(&lower);
}

static void test_a_subscription_that_is_refused_for_the_moment(void **state)
{
    (void)state;
    struct mqtt_connection *c = start();
    accept_connection(false, NULL);
    await(SUBSCRIBE, 1);
    answer_subscription(MQTTREASONCODE_QUOTA_EXCEEDED);
    assert_int_equal(state_of(c), CONNECTED);
    answer_subscription(1); /* the answer to a request of before */
    assert_int_equal(told.subscribed, 0);
    pass(c, SECOND);
    await(SUBSCRIBE, 2);
    answer_subscription(MQTTREASONCODE_NOT_AUTHORIZED);
    assert_int_equal(mqtt_state(c), MQTT_FAILED);
    await(DISCONNECT, 1);
    stop(c);
    assert_int_equal(told.failed, 1);
}

static void test_a_subscription_that_is_not_answered(void **state)
{
    (void)state;
    struct mqtt_connection *c = start();
    accept_connection(false, NULL);
    await(SUBSCRIBE, 1);
    atomic_store(&c->message_came, true); /* messages stand before the answer */
    pass(c, 21 * SECOND);
    await_extension(c);
    pass(c, 10 * SECOND);
    assert_int_equal(state_of(c), SUBSCRIBING);
    pass(c, 11 * SECOND);
    await(DISCONNECT, 1);
    assert_int_equal(paho.disconnect_reason, MQTTREASONCODE_UNSPECIFIED_ERROR);
    pass(c, SECOND);
    await(CONNECT, 2);
    stop(c);
}

static void publish_only(int qos)
{
    session = (struct mqtt_session){.publish_window = 2, .publish_qos = qos, .session_expiry = 60};
}

static void test_a_write_that_fails_takes_another_client(void **state)
{
    int message;
    MQTTAsync_failureData5 failure = MQTTAsync_failureData5_initializer;
    (void)state;
    publish_only(1);
    struct mqtt_connection *c = start_ready();
    assert_true(mqtt_publish(c, "temp", "1", 1, 1, false, NULL, &message));
    assert_true(mqtt_publish(c, "temp", "2", 1, 1, false, NULL, &message));
    assert_false(mqtt_publish(c, "temp", "3", 1, 1, false, NULL, &message)); /* the window is full */
    failure.code = MQTTASYNC_FAILURE;
    paho.send.onFailure5(paho.send.context, &failure);
    assert_int_equal(told.returned, 1);
    assert_false(mqtt_publish(c, "temp", "3", 1, 1, false, NULL, &message));
    lose_connection();
    pass(c, SECOND);
    await(CONNECT, 2);
    assert_int_equal(calls(CREATE), 2);
    assert_int_equal(told.returned, 2);
    assert_true(paho.connect.cleanstart);
    accept_connection(false, NULL);
    assert_true(mqtt_publish(c, "temp", "3", 1, 1, false, NULL, &message));
    stop(c);
}

static void test_the_end_waits_for_what_is_queued(void **state)
{
    int message;
    (void)state;
    publish_only(0);
    struct mqtt_connection *c = start_ready();
    assert_true(mqtt_publish(c, "temp", "1", 1, 0, false, NULL, &message));
    assert_int_equal(told.delivered, 1);
    paho.send.onSuccess5(paho.send.context, NULL);
    stop(c);
    assert_int_equal(calls(DISCONNECT), 1);
}

static void test_the_session_of_the_older_version_is_erased(void **state)
{
    (void)state;
    settings.version = MQTT_VERSION_311;
    publish_only(1);
    struct mqtt_connection *c = start();
    accept_connection(false, NULL);
    assert_false(paho.connect.cleansession);
    assert_true(mqtt_close(c, true, 0)); /* nobody answers the second CONNECT */
    assert_int_equal(calls(CONNECT), 2);
    assert_true(paho.connect.cleansession);
}

static void test_the_end_while_it_connects(void **state)
{
    (void)state;
    stop(start());
    assert_int_equal(calls(DISCONNECT), 1);
    assert_int_equal(told.disconnected, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_event_in_each_state),
        cmocka_unit_test(test_work_that_begins_late_leaves_the_time),
        cmocka_unit_test_setup(test_from_beginning_to_end, set_up),
        cmocka_unit_test_setup(test_a_lost_connection_is_made_again, set_up),
        cmocka_unit_test_setup(test_a_refused_connection, set_up),
        cmocka_unit_test_setup(test_a_connection_that_was_accepted_before, set_up),
        cmocka_unit_test_setup(test_a_broker_that_cannot_be_reached, set_up),
        cmocka_unit_test_setup(test_a_pause, set_up),
        cmocka_unit_test_setup(test_a_pause_while_it_connects, set_up),
        cmocka_unit_test_setup(test_another_receive_maximum, set_up),
        cmocka_unit_test_setup(test_a_broker_that_wants_a_shorter_keep_alive, set_up),
        cmocka_unit_test_setup(test_a_broker_that_supports_too_little, set_up),
        cmocka_unit_test_setup(test_a_subscription_that_is_refused_for_the_moment, set_up),
        cmocka_unit_test_setup(test_a_subscription_that_is_not_answered, set_up),
        cmocka_unit_test_setup(test_a_write_that_fails_takes_another_client, set_up),
        cmocka_unit_test_setup(test_the_end_waits_for_what_is_queued, set_up),
        cmocka_unit_test_setup(test_the_session_of_the_older_version_is_erased, set_up),
        cmocka_unit_test_setup(test_the_end_while_it_connects, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
