/* What the tests of delivery share: a spool, a mock cluster, and passes of either way of delivery between
 * them. */
#ifndef ROOMSTREAM_TESTS_UNIT_BRIDGE_OUT_DELIVERY_FIXTURE_H
#define ROOMSTREAM_TESTS_UNIT_BRIDGE_OUT_DELIVERY_FIXTURE_H

#include "mock_cluster.h"
#include "spool_fixture.h"

#include "bridge/out/at_least_once.h"
#include "bridge/out/exactly_once.h"

enum { SOCKET_TIMEOUT_MS = 1000 };

struct fixture {
    char folder[64];
    struct mock_cluster mock;
    struct bridge_settings settings;
    struct spool *spool;
    struct dead_letters *letters;
    struct counters counters;
    struct delivery *delivery;
    struct pass last;
    uint64_t appended;
};

/* lingering: records are sent when the transaction is committed, all at once. */
static inline int begin_delivery(void **state, enum delivery_mode mode, bool lingering)
{
    static struct fixture f;
    static struct property properties[] = {
        {.name = "socket.timeout.ms", .value = "1000", .origin = "test"},
        {.name = "linger.ms", .value = "4000", .origin = "test"},
    };
    struct error error;
    f = (struct fixture){0};
    *state = &f;
    log_nothing();
    make_folder(f.folder);
    mock_cluster_open(&f.mock);
    f.settings = (struct bridge_settings){
        .kafka = {.brokers = f.mock.brokers, .properties = {properties, lingering ? 2 : 1}},
        .mqtt = {.client_id = "id"},
        .kafka_topic = "t",
        .position_topic = "t",
        .delivery = (int)mode,
        .transaction_interval = MILLISECOND,
        .window = 1024,
        .window_bytes = 1 << 20,
    };
    counters_init(&f.counters);
    f.spool = open_spool(f.folder);
    f.letters = dead_letters_open(f.folder, false, &error);
    assert_non_null(f.letters);
    f.delivery = mode == EXACTLY_ONCE
                     ? exactly_once_open(&f.settings, f.spool, f.letters, &f.counters, &error)
                     : at_least_once_open(&f.settings, f.spool, f.letters, &f.counters, &error);
    assert_non_null(f.delivery);
    return 0;
}

static inline int end_delivery(void **state)
{
    struct fixture *f = *state;
    delivery_close(f->delivery);
    dead_letters_close(f->letters);
    spool_close(f->spool);
    counters_free(&f->counters);
    remove_folder(f->folder);
    mock_cluster_close(&f->mock);
    return 0;
}

static inline uint64_t replaced(const struct fixture *f)
{
    return atomic_load(&f->counters.producers_replaced);
}

static inline bool was_replaced(struct fixture *f)
{
    return replaced(f) > 0;
}

/* All is delivered or dead, and nothing is left to do. */
static inline bool is_empty(struct fixture *f)
{
    return stats_of(f->spool).spooled == 0 && !f->last.more && f->last.in_flight == 0;
}

/* Passes without the waits in between, until done. */
static inline void pass_until(struct fixture *f, bool (*done)(struct fixture *))
{
    int64_t limit = clock_monotonic() + 90 * SECOND;
    do {
        f->last = f->delivery->way->pass(f->delivery);
        assert_false(f->last.failed);
        delivery_await_reports(f->delivery, 5 * MILLISECOND);
        if (clock_monotonic() > limit)
            fail_msg("stuck: %s", f->delivery->told.text);
    } while (!done(f));
}

static inline void append_some(struct fixture *f)
{
    append_messages(f->spool, f->appended + 1, f->appended + 10);
    f->appended += 10;
}

static inline void deliver_some(struct fixture *f)
{
    append_some(f);
    pass_until(f, is_empty);
    assert_int_equal(stats_of(f->spool).delivered, f->appended);
}

#endif
