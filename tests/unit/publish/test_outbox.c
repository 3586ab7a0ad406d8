#include "core_fixture.h"

#include "publish/outbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

/* A sender that takes `room` messages and remembers what they said. */
struct sender {
    size_t room;
    struct outbox_message *taken[64];
    size_t count;
    char payloads[256]; /* separated by spaces */
};

static bool take(void *context, struct outbox_message *message)
{
    struct sender *sender = context;
    if (sender->room == 0)
        return false;
    sender->room--;
    sender->taken[sender->count++] = message;
    snprintf(sender->payloads + strlen(sender->payloads), sizeof sender->payloads - strlen(sender->payloads),
             "%.*s ", (int)message->length, message->payload);
    return true;
}

static void add(struct outbox *outbox, size_t number)
{
    struct outbox_message *message = outbox_slot(outbox);
    assert_non_null(message);
    message->column = number;
    message->length = (size_t)sprintf(message->payload, "%zu", number);
    outbox_add(outbox);
}

static void add_several(struct outbox *outbox, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(outbox, i);
}

static bool is_readable(const struct outbox *outbox)
{
    struct pollfd wait = {.fd = outbox_fd(outbox), .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
}

static void keeps_each_message_until_it_is_done(void **state)
{
    struct sender sender = {.room = 64};
    struct outbox *outbox = outbox_new(3, 24, take, &sender);
    (void)state;
    assert_true(outbox_empty(outbox));
    add_several(outbox, 3);
    assert_null(outbox_slot(outbox));
    assert_true(outbox_flush(outbox));
    assert_int_equal(outbox_pending(outbox), 3);
    assert_null(outbox_slot(outbox));
    outbox_done(outbox, sender.taken[1]); /* a slot is free again when all before it are */
    assert_null(outbox_slot(outbox));
    outbox_done(outbox, sender.taken[0]);
    add(outbox, 3);
    add(outbox, 4);
    assert_null(outbox_slot(outbox));
    assert_true(outbox_flush(outbox));
    assert_string_equal(sender.payloads, "0 1 2 3 4 ");
    assert_false(outbox_empty(outbox));
    for (size_t i = 2; i < 5; i++)
        outbox_done(outbox, sender.taken[i]);
    assert_true(outbox_empty(outbox));
    assert_int_equal(outbox_sent(outbox), 5);
    assert_int_equal(outbox_resent(outbox), 0);
    assert_int_equal(outbox_finished(outbox), 5);
    outbox_free(outbox);
}

static void tries_again_what_was_not_taken(void **state)
{
    struct sender sender = {.room = 1};
    struct outbox *outbox = outbox_new(4, 24, take, &sender);
    (void)state;
    add_several(outbox, 3);
    assert_false(outbox_flush(outbox));
    assert_int_equal(outbox_pending(outbox), 1);
    assert_int_equal(outbox_sent(outbox), 1);
    sender.room = 2;
    assert_true(outbox_flush(outbox));
    assert_string_equal(sender.payloads, "0 1 2 ");
    assert_int_equal(outbox_sent(outbox), 3);
    assert_int_equal(outbox_resent(outbox), 0);
    outbox_free(outbox);
}

static void sends_returned_messages_again_in_order_before_new_ones(void **state)
{
    struct sender sender = {.room = 64};
    struct outbox *outbox = outbox_new(8, 24, take, &sender);
    (void)state;
    add_several(outbox, 5);
    assert_true(outbox_flush(outbox));
    outbox_done(outbox, sender.taken[0]);
    outbox_done(outbox, sender.taken[3]);
    outbox_returned(outbox, sender.taken[4]);
    outbox_returned(outbox, sender.taken[1]);
    outbox_returned(outbox, sender.taken[2]);
    add(outbox, 5);
    sender.room = 2;
    assert_false(outbox_flush(outbox));
    sender.room = 2;
    assert_true(outbox_flush(outbox));
    assert_string_equal(sender.payloads, "0 1 2 3 4 1 2 4 5 ");
    assert_int_equal(outbox_sent(outbox), 6);
    assert_int_equal(outbox_resent(outbox), 3);
    assert_int_equal(outbox_finished(outbox), 2);
    assert_int_equal(outbox_pending(outbox), 4);
    outbox_free(outbox);
}

/* At QoS 0 the outcome comes while the message is sent. */
static bool take_and_finish(void *context, struct outbox_message *message)
{
    outbox_done(*(struct outbox **)context, message);
    return true;
}

static void takes_an_outcome_while_sending(void **state)
{
    struct outbox *outbox = outbox_new(2, 24, take_and_finish, &outbox);
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        add(outbox, i);
        assert_true(outbox_flush(outbox));
    }
    assert_true(outbox_empty(outbox));
    assert_int_equal(outbox_finished(outbox), 5);
    outbox_free(outbox);
}

static void keeps_to_the_limit(void **state)
{
    struct sender sender = {.room = 64};
    struct outbox *outbox = outbox_new(8, 24, take, &sender);
    (void)state;
    outbox_set_limit(outbox, 2);
    add(outbox, 0);
    add(outbox, 1);
    assert_null(outbox_slot(outbox));
    outbox_set_limit(outbox, 3);
    add(outbox, 2);
    assert_null(outbox_slot(outbox));
    outbox_set_limit(outbox, 1);
    outbox_flush(outbox);
    outbox_done(outbox, sender.taken[0]);
    outbox_done(outbox, sender.taken[1]);
    assert_null(outbox_slot(outbox));
    outbox_set_limit(outbox, 100);
    assert_int_equal(outbox_limit(outbox), 8);
    outbox_free(outbox);
}

static void wakes_when_enough_is_done(void **state)
{
    struct sender sender = {.room = 64};
    struct outbox *outbox = outbox_new(8, 24, take, &sender);
    (void)state;
    add_several(outbox, 8);
    outbox_flush(outbox);
    outbox_done(outbox, sender.taken[0]);
    assert_false(is_readable(outbox)); /* nobody waits */
    outbox_arm(outbox, 4);
    outbox_done(outbox, sender.taken[1]);
    outbox_done(outbox, sender.taken[2]);
    assert_false(is_readable(outbox));
    outbox_done(outbox, sender.taken[3]);
    assert_true(is_readable(outbox));
    outbox_arm(outbox, 0);
    assert_false(is_readable(outbox));
    outbox_returned(outbox, sender.taken[4]);
    assert_true(is_readable(outbox));
    outbox_disarm(outbox);
    assert_false(is_readable(outbox));
    outbox_done(outbox, sender.taken[5]);
    outbox_done(outbox, sender.taken[6]);
    outbox_done(outbox, sender.taken[7]);
    assert_false(is_readable(outbox));
    outbox_wake(outbox);
    assert_true(is_readable(outbox));
    outbox_free(outbox);
}

/* ---- two threads ---- */

enum { MESSAGES = 100000, WINDOW = 16 };

/* A broker that reports each outcome from its own thread; sometimes it forgets every seventh. */
struct fake_broker {
    struct outbox *outbox;
    struct outbox_message *queue[WINDOW];
    atomic_size_t head, tail;
    atomic_bool closed;
    uint64_t counts[MESSAGES]; /* how often each was done */
    uint64_t returned;
};

static bool queue_message(void *context, struct outbox_message *message)
{
    struct fake_broker *broker = context;
    broker->queue[broker->tail % WINDOW] = message;
    atomic_fetch_add(&broker->tail, 1);
    return true;
}

static void *answer(void *context)
{
    struct fake_broker *broker = context;
    unsigned random = 1;
    while (!atomic_load(&broker->closed) || broker->head < broker->tail) {
        if (broker->head == broker->tail) {
            sched_yield();
            continue;
        }
        struct outbox_message *message = broker->queue[broker->head % WINDOW];
        size_t number = message->column;
        atomic_fetch_add(&broker->head, 1);
        random = random * 1664525 + 1013904223;
        if (random >> 24 < 36) {
            broker->returned++;
            outbox_returned(broker->outbox, message);
        } else {
            broker->counts[number]++;
            outbox_done(broker->outbox, message);
        }
    }
    return NULL;
}

static void sleep_on(struct outbox *outbox)
{
    struct pollfd wait = {.fd = outbox_fd(outbox), .events = POLLIN};
    if (poll(&wait, 1, 20000) != 1)
        fail_msg("nobody wakes the owner: %zu pending", outbox_pending(outbox));
}

static void misses_no_outcome(void **state)
{
    static struct fake_broker broker;
    pthread_t thread;
    (void)state;
    broker.outbox = outbox_new(WINDOW, 24, queue_message, &broker);
    assert_int_equal(pthread_create(&thread, NULL, answer, &broker), 0);
    for (size_t i = 0; i < MESSAGES; i++) {
        struct outbox_message *message;
        while (!(message = outbox_slot(broker.outbox))) {
            size_t pending = outbox_pending(broker.outbox);
            outbox_arm(broker.outbox, pending > 8 ? 8 : pending > 0 ? pending - 1 : 0);
            outbox_flush(broker.outbox);
            if ((message = outbox_slot(broker.outbox)))
                break;
            sleep_on(broker.outbox);
        }
        message->column = i;
        outbox_add(broker.outbox);
        outbox_flush(broker.outbox);
    }
    for (;;) {
        outbox_arm(broker.outbox, 0);
        outbox_flush(broker.outbox);
        if (outbox_empty(broker.outbox))
            break;
        sleep_on(broker.outbox);
    }
    atomic_store(&broker.closed, true);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < MESSAGES; i++)
        assert_int_equal(broker.counts[i], 1);
    assert_int_equal(outbox_sent(broker.outbox), MESSAGES);
    assert_int_equal(outbox_finished(broker.outbox), MESSAGES);
    assert_int_equal(outbox_resent(broker.outbox), broker.returned);
    assert_true(broker.returned > 1000);
    outbox_free(broker.outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_each_message_until_it_is_done),
        cmocka_unit_test(tries_again_what_was_not_taken),
        cmocka_unit_test(sends_returned_messages_again_in_order_before_new_ones),
        cmocka_unit_test(takes_an_outcome_while_sending),
        cmocka_unit_test(keeps_to_the_limit),
        cmocka_unit_test(wakes_when_enough_is_done),
        cmocka_unit_test(misses_no_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
