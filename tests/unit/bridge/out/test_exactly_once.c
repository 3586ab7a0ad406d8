/* Exactly-once forwarding against librdkafka's mock cluster, which fails requests as it is told. */
#include "spool_fixture.h"

#include "bridge/out/exactly_once.h"
#include "kafka/client.h"

#include <librdkafka/rdkafka_mock.h>

/* Kafka's API keys. */
enum {
    PRODUCE = 0,
    OFFSET_FETCH = 9,
    ADD_PARTITIONS = 24,
    ADD_OFFSETS = 25,
    END_TXN = 26,
    TXN_OFFSET_COMMIT = 28
};

enum { BROKER = 1, SOCKET_TIMEOUT_MS = 1000 };

struct fixture {
    char folder[64];
    rd_kafka_t *rk; /* holds the cluster */
    rd_kafka_mock_cluster_t *cluster;
    struct bridge_settings settings;
    struct spool *spool;
    struct dead_letters *letters;
    struct counters counters;
    struct exactly_once way;
    uint64_t appended;
};

static int begin(void **state)
{
    static struct fixture f;
    static struct property properties[] = {{.name = "socket.timeout.ms", .value = "1000", .origin = "test"}};
    struct error error;
    f = (struct fixture){0};
    *state = &f;
    log_nothing();
    make_folder(f.folder);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    f.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    assert_non_null(f.rk);
    f.cluster = rd_kafka_mock_cluster_new(f.rk, 1);
    assert_non_null(f.cluster);
    rd_kafka_mock_topic_create(f.cluster, "t", 1, 1);
    f.settings = (struct bridge_settings){
        .kafka = {.brokers = rd_kafka_mock_cluster_bootstraps(f.cluster), .properties = {properties, 1}},
        .kafka_topic = "t",
        .delivery = EXACTLY_ONCE,
        .transaction_interval = MILLISECOND,
        .window = 1024,
        .window_bytes = 1 << 20,
    };
    counters_init(&f.counters);
    f.spool = open_spool(f.folder);
    f.letters = dead_letters_open(f.folder, false, &error);
    assert_non_null(f.letters);
    assert_true(exactly_once_open(&f.way, &f.settings, "id", f.spool, f.letters, &f.counters, &error));
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    delivery_close(&f->way.delivery);
    dead_letters_close(f->letters);
    spool_close(f->spool);
    counters_free(&f->counters);
    remove_folder(f->folder);
    rd_kafka_mock_cluster_destroy(f->cluster);
    rd_kafka_destroy(f->rk);
    return 0;
}

static uint64_t replaced(struct fixture *f)
{
    return atomic_load(&f->counters.producers_replaced);
}

static bool is_empty(struct fixture *f)
{
    return stats_of(f->spool).spooled == 0 && f->way.state == TRANSACTIONS_READY;
}

static bool was_replaced(struct fixture *f)
{
    return replaced(f) > 0;
}

/* Passes without the waits in between, until done. */
static void pass_until(struct fixture *f, bool (*done)(struct fixture *))
{
    int64_t limit = clock_monotonic() + 90 * SECOND;
    while (!done(f)) {
        struct pass pass = exactly_once_pass(&f->way);
        assert_false(pass.failed);
        delivery_await_reports(&f->way.delivery, 5 * MILLISECOND);
        if (clock_monotonic() > limit)
            fail_msg("stuck in state %d: %s", (int)f->way.state, f->way.delivery.told.text);
    }
}

static void deliver_some(struct fixture *f)
{
    append_messages(f->spool, f->appended + 1, f->appended + 10);
    f->appended += 10;
    pass_until(f, is_empty);
    assert_int_equal(stats_of(f->spool).delivered, f->appended);
}

static void fail_requests(struct fixture *f, int16_t key, rd_kafka_resp_err_t err, size_t times)
{
    enum { MOST = 1000 };
    rd_kafka_resp_err_t errors[MOST];
    assert_true(times <= MOST);
    for (size_t i = 0; i < times; i++)
        errors[i] = err;
    rd_kafka_mock_push_request_errors_array(f->cluster, key, times, errors);
}

/* ---- errors that come again and again ---- */

static void does_not_stick(struct fixture *f, int16_t key, rd_kafka_resp_err_t err)
{
    deliver_some(f);
    fail_requests(f, key, err, 1000);
    append_message(f->spool, ++f->appended);
    pass_until(f, was_replaced);
    rd_kafka_mock_clear_request_errors(f->cluster, key);
    deliver_some(f);
}

static void partitions_of_an_expired_id(void **state)
{
    does_not_stick(*state, ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
}

static void offsets_of_an_expired_id(void **state)
{
    does_not_stick(*state, ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
}

static void position_of_an_expired_id(void **state)
{
    does_not_stick(*state, TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
}

static void end_of_an_expired_id(void **state)
{
    does_not_stick(*state, END_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
}

static void unknown_producer(void **state)
{
    does_not_stick(*state, ADD_OFFSETS, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID);
}

static void invalid_epoch(void **state)
{
    does_not_stick(*state, ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
}

static void invalid_state(void **state)
{
    does_not_stick(*state, ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
}

static void concurrent_transactions_for_ever(void **state)
{
    does_not_stick(*state, ADD_PARTITIONS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS);
}

static void no_coordinator_for_ever(void **state)
{
    does_not_stick(*state, END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
}

static void an_error_that_nobody_knows(void **state)
{
    does_not_stick(*state, ADD_OFFSETS, RD_KAFKA_RESP_ERR_UNKNOWN);
}

/* ---- the position ---- */

static void a_group_that_is_not_there_has_no_position(void **state)
{
    struct fixture *f = *state;
    fail_requests(f, OFFSET_FETCH, RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND, 1000);
    deliver_some(f);
    assert_string_equal(f->way.delivery.told.text, "");
}

/* ---- requests that arrive late ---- */

/* The cluster carries the request out, and answers it when the client has given it up. */
static void replaced_after_a_late(struct fixture *f, int16_t key)
{
    deliver_some(f);
    assert_int_equal(replaced(f), 0);
    rd_kafka_mock_broker_push_request_error_rtts(f->cluster, BROKER, key, (size_t)1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 2 * SOCKET_TIMEOUT_MS);
    deliver_some(f);
    deliver_some(f);
    assert_int_equal(replaced(f), 1);
    deliver_some(f);
    assert_int_equal(replaced(f), 1);
}

static void a_late_end(void **state)
{
    replaced_after_a_late(*state, END_TXN);
}

static void late_partitions(void **state)
{
    replaced_after_a_late(*state, ADD_PARTITIONS);
}

static void late_offsets(void **state)
{
    replaced_after_a_late(*state, ADD_OFFSETS);
}

static void a_late_position(void **state)
{
    replaced_after_a_late(*state, TXN_OFFSET_COMMIT);
}

static void a_late_record(void **state)
{
    replaced_after_a_late(*state, PRODUCE);
}

static void a_lost_connection(void **state)
{
    struct fixture *f = *state;
    deliver_some(f);
    rd_kafka_mock_broker_push_request_error_rtts(f->cluster, BROKER, END_TXN, (size_t)1,
                                                 RD_KAFKA_RESP_ERR__TRANSPORT, 0);
    deliver_some(f);
    deliver_some(f);
    assert_int_equal(replaced(f), 1);
}

/* An idle connection is closed by Kafka every ten minutes. */
static void a_connection_that_closes_idle_costs_nothing(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        deliver_some(f);
        rd_kafka_mock_broker_set_down(f->cluster, BROKER);
        rd_kafka_mock_broker_set_up(f->cluster, BROKER);
    }
    deliver_some(f);
    assert_int_equal(replaced(f), 0);
    assert_int_equal(kafka_unanswered_writes(producer_unanswered(f->way.delivery.producer)), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(partitions_of_an_expired_id),
        TEST(offsets_of_an_expired_id),
        TEST(position_of_an_expired_id),
        TEST(end_of_an_expired_id),
        TEST(unknown_producer),
        TEST(invalid_epoch),
        TEST(invalid_state),
        TEST(concurrent_transactions_for_ever),
        TEST(no_coordinator_for_ever),
        TEST(an_error_that_nobody_knows),
        TEST(a_group_that_is_not_there_has_no_position),
        TEST(a_late_end),
        TEST(late_partitions),
        TEST(late_offsets),
        TEST(a_late_position),
        TEST(a_late_record),
        TEST(a_lost_connection),
        TEST(a_connection_that_closes_idle_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
