/* What Paho is told of the QoS 2 packet ids that the spool holds. */
#include "spool_fixture.h"

#include "bridge/in/packet_ids.h"

#include <MQTTAsync.h>

struct fixture {
    char folder[64];
    struct spool *spool;
    struct packet_ids ids;
    void *handle;
    int repeated;
    uint16_t repeated_id;
    size_t repeated_length;
};

static void append(void *context, const struct spool_record *record)
{
    struct fixture *f = context;
    struct error error;
    assert_int_equal(spool_append(f->spool, record, NULL, &error), SPOOL_APPENDED);
}

static void on_repeated(void *context, const struct mqtt_message *message)
{
    struct fixture *f = context;
    f->repeated++;
    f->repeated_id = message->packet_id;
    f->repeated_length = message->payload_length;
}

static int begin(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    *state = &f;
    make_folder(f.folder);
    f.spool = open_spool(f.folder);
    packet_ids_init(&f.ids, f.spool, append, on_repeated, &f);
    assert_int_equal(f.ids.store.popen(&f.handle, "id", "uri", f.ids.store.context), 0);
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->ids.store.pclose(f->handle), 0);
    spool_close(f->spool);
    remove_folder(f->folder);
    return 0;
}

static bool contains(struct fixture *f, const char *key)
{
    return f->ids.store.pcontainskey(f->handle, (char *)key) == 0;
}

static void test_holds_what_the_spool_holds(void **state)
{
    struct fixture *f = *state;
    assert_false(contains(f, "r5-7"));
    append_packet_id(f->spool, SPOOL_MESSAGE, 7);
    assert_true(contains(f, "r5-7"));
    assert_false(contains(f, "r5-8"));
    assert_false(contains(f, "s5-7")); /* what is sent */
}

static void test_a_release_is_stored_before_it_is_answered(void **state)
{
    struct fixture *f = *state;
    append_packet_id(f->spool, SPOOL_MESSAGE, 7);
    uint64_t next = spool_next_id(f->spool);
    assert_int_equal(f->ids.store.premove(f->handle, (char *)"r5-7"), 0);
    assert_false(spool_holds(f->spool, 7));
    assert_int_equal(spool_next_id(f->spool), next + 1);
    assert_int_equal(f->ids.store.premove(f->handle, (char *)"r5-7"), 0); /* not held: nothing to store */
    assert_int_equal(spool_next_id(f->spool), next + 1);
}

static void test_all_ids_outlive_a_restart(void **state)
{
    struct fixture *f = *state;
    char **keys, *buffer;
    int count, length;
    append_packet_id(f->spool, SPOOL_MESSAGE, 65535);
    append_packet_id(f->spool, SPOOL_MESSAGE, 7);
    spool_close(f->spool);
    f->spool = f->ids.spool = open_spool(f->folder);
    assert_int_equal(f->ids.store.pkeys(f->handle, &keys, &count), 0);
    assert_int_equal(count, 2);
    assert_string_equal(keys[0], "r5-65535");
    assert_string_equal(keys[1], "r5-7");
    /* A PUBLISH of QoS 2 with this id. */
    assert_int_equal(f->ids.store.pget(f->handle, keys[0], &buffer, &length), 0);
    assert_int_equal(length, 8);
    assert_memory_equal(buffer + 5, "\xff\xff", 2);
    MQTTAsync_free(buffer);
    for (int i = 0; i < count; i++)
        MQTTAsync_free(keys[i]);
    MQTTAsync_free(keys);
}

/* Paho puts each PUBLISH of QoS 2 there before it looks whether its id is held. */
static int put(struct fixture *f, const char *key)
{
    char first[] = {0x34, 8}, rest[] = {0, 1, 't', 0, 7, 0, 'h', 'i'};
    char *buffers[] = {first, rest};
    int lengths[] = {sizeof first, sizeof rest};
    return f->ids.store.pput(f->handle, (char *)key, 2, buffers, lengths);
}

static void test_another_message_under_a_held_id_is_looked_at(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, "r5-7"), 0);
    assert_int_equal(f->repeated, 0);
    append_packet_id(f->spool, SPOOL_MESSAGE, 7);
    assert_int_equal(put(f, "r5-7"), 0);
    assert_int_equal(f->repeated, 1);
    assert_int_equal(f->repeated_id, 7);
    assert_int_equal(f->repeated_length, 2);
}

static void test_a_lost_session_is_forgotten_once(void **state)
{
    struct fixture *f = *state;
    append_packet_id(f->spool, SPOOL_MESSAGE, 7);
    packet_ids_forget(&f->ids);
    assert_int_equal(spool_unreleased_count(f->spool), 0);
    uint64_t next = spool_next_id(f->spool);
    packet_ids_forget(&f->ids);
    assert_int_equal(spool_next_id(f->spool), next);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_holds_what_the_spool_holds),       TEST(test_a_release_is_stored_before_it_is_answered),
        TEST(test_all_ids_outlive_a_restart),        TEST(test_another_message_under_a_held_id_is_looked_at),
        TEST(test_a_lost_session_is_forgotten_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
