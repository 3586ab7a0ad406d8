/* The file of --resume and the packets in it. */
#include "core_fixture.h"

#include "boot_id.h"
#include "clock.h"
#include "resume_packets.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

enum { SLOTS = 8, PACKET_MAX = 200 };

static char path[] = "/tmp/resume-XXXXXX";
static struct error error;
static struct resume_settings settings;

static unsigned char boot; /* which start of the machine the tests pretend to be in */

/* Instead of the library's: the linker takes this one. */
void boot_id_read(uuid_t id)
{
    memset(id, boot, sizeof(uuid_t));
}

static int disk_full; /* errno that the next reservation fails with */

int __real_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length)
{
    return disk_full ? disk_full : __real_posix_fallocate(fd, offset, length);
}

static int new_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/resume-XXXXXX");
    int fd = mkstemp(path);
    disk_full = 0;
    boot = 1;
    settings = (struct resume_settings){
        .path = path,
        .description = "topic = a\nqos = 2\n",
        .base = 1000,
        .client_id = "client-1",
        .slot_count = SLOTS,
        .packet_max = PACKET_MAX,
    };
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct resume *open_good(void)
{
    struct resume *resume = resume_open(&settings, &error);
    if (!resume)
        fail_msg("%s", error.text);
    return resume;
}

static void close_good(struct resume *resume)
{
    assert_true(resume_close(resume, &error));
}

static void assert_refused(const char *part)
{
    assert_null(resume_open(&settings, &error));
    if (!strstr(error.text, part))
        fail_msg("'%s' is not in '%s'", part, error.text);
}

/* ---- the file ---- */

static void what_is_kept_is_there_again(void **state)
{
    (void)state;
    const struct replay_mark loop = {.loop = 1, .number = 40, .seq = 45, .timeline = 7, .base = 1000};
    struct resume *resume = open_good();
    assert_int_equal(resume_position(resume), 0);
    assert_int_equal(resume_mark(resume).base, 1000);
    resume_move(resume, 50, &loop, SECOND);
    close_good(resume);
    settings.client_id = "client-2";
    settings.base = 2000;
    resume = open_good();
    assert_int_equal(resume_position(resume), 50);
    struct replay_mark mark = resume_mark(resume);
    assert_memory_equal(&mark, &loop, sizeof mark);
    assert_string_equal(resume_client_id(resume), "client-1");
    assert_false(resume_is_complete(resume));
    resume_complete(resume);
    close_good(resume);
    resume = open_good();
    assert_true(resume_is_complete(resume));
    close_good(resume);
}

static uint64_t loop_after_reopening(struct resume **resume)
{
    close_good(*resume);
    *resume = open_good();
    return resume_mark(*resume).loop;
}

/* A loop that has begun, but whose first message is not reached yet, is no place to begin again. */
static void a_mark_counts_once_the_position_reaches_it(void **state)
{
    (void)state;
    struct replay_mark marks[] = {
        {.loop = 1, .number = 10}, {.loop = 2, .number = 20}, {.loop = 3, .number = 30}};
    struct resume *resume = open_good();
    resume_move(resume, 9, &marks[0], SECOND);
    resume_move(resume, 9, &marks[1], SECOND);
    assert_int_equal(loop_after_reopening(&resume), 0);
    resume_move(resume, 10, &marks[0], SECOND);
    assert_int_equal(loop_after_reopening(&resume), 1);
    resume_move(resume, 25, &marks[1], SECOND);
    resume_move(resume, 29, &marks[2], SECOND);
    assert_int_equal(loop_after_reopening(&resume), 2);
    resume_move(resume, 30, &marks[2], SECOND);
    assert_int_equal(loop_after_reopening(&resume), 3);
    close_good(resume);
}

static void another_replay_is_refused(void **state)
{
    static const struct {
        const char *description, *part;
    } table[] = {
        {"topic = a\nqos = 1\n", "it has 'qos = 2' where this one has 'qos = 1'"},
        {"topic = a\n", "it has 'qos = 2' where this one has 'nothing'"},
        {"topic = a\nqos = 2\nretain = true\n", "it has 'nothing' where this one has 'retain = true'"},
        {"topic = ab\nqos = 2\n", "it has 'topic = a' where this one has 'topic = ab'"},
    };
    (void)state;
    close_good(open_good());
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        settings.description = table[i].description;
        assert_refused(table[i].part);
    }
}

static void two_cannot_have_it(void **state)
{
    (void)state;
    struct resume *resume = open_good();
    assert_refused("in use by another publisher");
    close_good(resume);
    close_good(open_good());
}

static void overwrite(off_t offset, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), (ssize_t)size);
    close(fd);
}

static void damage_is_told(void **state)
{
    (void)state;
    close_good(open_good());
    assert_int_equal(truncate(path, 8192), 0);
    assert_refused("is damaged: it has ");
    assert_int_equal(truncate(path, 100), 0);
    assert_refused("is damaged: it has only 100 bytes");
    assert_int_equal(truncate(path, 3), 0);
    assert_refused("is not a file of this option");
    overwrite(0, "key,value", 9);
    assert_refused("is not a file of this option");
}

static void one_that_was_not_finished_is_made_again(void **state)
{
    (void)state;
    disk_full = ENOSPC;
    assert_refused("cannot reserve ");
    assert_non_null(strstr(error.text, "No space left on device"));
    disk_full = 0;
    struct resume *resume = open_good();
    assert_int_equal(resume_position(resume), 0);
    close_good(resume);
}

/* ---- packets ---- */

/* A PUBLISH at QoS 2 of MQTT 5 (section 3.3) with this number, in two pieces. */
static void put(MQTTClient_persistence *store, uint64_t number, unsigned id)
{
    char packet[PACKET_MAX], digits[24], key[16];
    int digits_length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    int properties = 6 + 8 + digits_length + 14; /* of the three, in bytes */
    int length =
        snprintf(packet, sizeof packet, "\x34%c%c%ctopic%c%c%c%c%c%ccsv%c%c%cseq%c%c%s%c%c%c%s%c%c%s",
                 14 + properties, 0, 5, id >> 8, id & 255, properties, 3, 0, 3, 38, 0, 3, 0, digits_length,
                 digits, 38, 0, 5, "fault", 0, 4, "late");
    char *pieces[] = {packet, (char *)"data"};
    int lengths[] = {length, 4};
    snprintf(key, sizeof key, "s5-%u", id);
    assert_int_equal(store->pput(store->context, key, 2, pieces, lengths), 0);
}

static void put_release(MQTTClient_persistence *store, unsigned id)
{
    char key[16], bytes[] = "PUBREL", *pieces[] = {bytes};
    int lengths[] = {6};
    snprintf(key, sizeof key, "sc5-%u", id);
    assert_int_equal(store->pput(store->context, key, 1, pieces, lengths), 0);
}

/* As Paho does at the end of an exchange. */
static void end_exchange(MQTTClient_persistence *store, unsigned id)
{
    static const char *const stems[] = {"s5", "sc5", "s", "sc"};
    for (size_t i = 0; i < 4; i++) {
        char key[16];
        snprintf(key, sizeof key, "%s-%u", stems[i], id);
        assert_int_equal(store->premove(store->context, key), 0);
    }
}

static size_t key_count(MQTTClient_persistence *store)
{
    char **keys;
    int count;
    assert_int_equal(store->pkeys(store->context, &keys, &count), 0);
    for (int i = 0; i < count; i++) {
        char *packet;
        int length;
        assert_int_equal(store->pget(store->context, keys[i], &packet, &length), 0);
        assert_memory_equal(packet + length - 4, "data", 4);
        MQTTAsync_free(packet);
        MQTTAsync_free(keys[i]);
    }
    if (keys)
        MQTTAsync_free(keys);
    return (size_t)count;
}

static struct resume *resume;
static struct resume_packets *packets;

static MQTTClient_persistence *open_packets(void)
{
    resume = open_good();
    packets = resume_packets_new(resume, 4);
    assert_non_null(packets);
    return resume_packets_store(packets);
}

static void close_packets(void)
{
    resume_packets_free(packets);
    close_good(resume);
}

static MQTTClient_persistence *reopen_packets(void)
{
    close_packets();
    return open_packets();
}

static void packets_are_in_doubt_until_they_arrive(void **state)
{
    (void)state;
    MQTTClient_persistence *store = open_packets();
    char released[] = "sc5-300", held[] = "sc5-301";
    put(store, 1, 300);
    put(store, 2, 301);
    put(store, 2, 301); /* sent again */
    put(store, 3, 302);
    put_release(store, 300);
    put_release(store, 302);
    end_exchange(store, 302);
    store = reopen_packets();
    assert_int_equal(resume_packets_in_doubt(packets), 2);
    assert_int_equal(key_count(store), 2);
    assert_int_equal(store->pcontainskey(store->context, released), 0);
    assert_int_not_equal(store->pcontainskey(store->context, held), 0);
    assert_true(resume_packets_done(packets, 3));
    assert_int_equal(resume_packets_done_through(packets, 0), 0);
    end_exchange(store, 300);
    assert_int_equal(resume_packets_done_through(packets, 0), 1);
    put_release(store, 301);
    end_exchange(store, 301);
    assert_int_equal(resume_packets_done_through(packets, 0), 3);
    assert_int_equal(resume_packets_in_doubt(packets), 0);
    assert_false(resume_packets_done(packets, 3 + SLOTS));
    close_packets();
}

static void what_was_refused_or_forgotten_is_sent_anew(void **state)
{
    (void)state;
    MQTTClient_persistence *store = open_packets();
    char key[] = "s5-8";
    put(store, 1, 7);
    end_exchange(store, 7); /* a PUBREC with an error */
    assert_int_equal(resume_packets_in_doubt(packets), 0);
    put(store, 2, 8);
    put(store, 3, 9);
    put_release(store, 9);
    assert_int_equal(store->premove(store->context, key), 0); /* Paho cleans a lost session */
    assert_int_equal(resume_packets_forget(packets), 2);
    assert_int_equal(key_count(store), 0);
    put(store, 1, 8); /* under another id */
    store = reopen_packets();
    assert_int_equal(resume_packets_in_doubt(packets), 1);
    for (uint64_t number = 1; number <= 3; number++)
        assert_false(resume_packets_done(packets, number));
    close_packets();
}

static void a_torn_slot_says_nothing(void **state)
{
    (void)state;
    MQTTClient_persistence *store = open_packets();
    put(store, 1, 7);
    put(store, 2, 8);
    resume_slot(resume, 1)->packet[20] ^= 1;
    store = reopen_packets();
    assert_int_equal(resume_packets_in_doubt(packets), 1);
    assert_int_equal(key_count(store), 1);
    close_packets();
}

/* The file may then be older than what the broker knows. */
static void packets_are_forgotten_when_the_machine_was_started_anew(void **state)
{
    (void)state;
    const struct replay_mark beginning = {.base = 1000};
    MQTTClient_persistence *store = open_packets();
    put(store, 1, 7);
    put_release(store, 7);
    end_exchange(store, 7);
    put(store, 2, 8);
    resume_move(resume, 1, &beginning, SECOND);
    boot = 2;
    settings.client_id = "client-2";
    assert_true(resume_packets_used(packets));
    store = reopen_packets();
    assert_false(resume_packets_used(packets));
    assert_string_equal(resume_client_id(resume), "client-2");
    assert_int_equal(resume_position(resume), 1);
    assert_int_equal(resume_packets_in_doubt(packets), 0);
    assert_int_equal(key_count(store), 0);
    put(store, 2, 7);
    store = reopen_packets();
    assert_true(resume_packets_used(packets));
    assert_int_equal(resume_packets_in_doubt(packets), 1);
    close_packets();
}

static void count_settled(void *context)
{
    ++*(int *)context;
}

static void settling_is_told(void **state)
{
    (void)state;
    int settled = 0;
    MQTTClient_persistence *store = open_packets();
    resume_packets_watch(packets, count_settled, &settled);
    put(store, 1, 1);
    put(store, 2, 2);
    put_release(store, 1);
    end_exchange(store, 1);
    assert_int_equal(settled, 0);
    end_exchange(store, 2);
    assert_int_equal(settled, 1);
    close_packets();
}

static void a_packet_without_a_number_is_not_kept(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "\x34", "\x34\xff\xff\xff\xff\xff", "\x34\x05\x7f\x7f"};
    MQTTClient_persistence *store = open_packets();
    char key[] = "s5-1";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *pieces[] = {(char *)bad[i]};
        int lengths[] = {(int)strlen(bad[i])};
        assert_int_not_equal(store->pput(store->context, key, 1, pieces, lengths), 0);
    }
    assert_int_equal(resume_packets_in_doubt(packets), 0);
    close_packets();
}

/* What Paho has queued, more of it than there is room for. */
static void queued_messages_are_handed_back_once(void **state)
{
    (void)state;
    MQTTClient_persistence *store = open_packets();
    char text[] = "one", *pieces[] = {text, text}, *bytes, key[16];
    int lengths[] = {3, 3}, length;
    for (int i = 1; i <= 5; i++) {
        snprintf(key, sizeof key, "c5-%d", i);
        assert_int_equal(store->pput(store->context, key, 2, pieces, lengths), 0);
    }
    assert_int_not_equal(store->pget(store->context, (char[]){"c5-1"}, &bytes, &length), 0);
    assert_int_equal(store->pget(store->context, (char[]){"c5-3"}, &bytes, &length), 0);
    assert_int_equal(length, 6);
    assert_memory_equal(bytes, "oneone", 6);
    MQTTAsync_free(bytes);
    assert_int_not_equal(store->pget(store->context, (char[]){"c5-3"}, &bytes, &length), 0);
    assert_int_equal(key_count(store), 0);
    assert_int_equal(store->pclose(store->context), 0);
    close_packets();
}

/* Paho keeps count of its memory while it has a client. */
static int make_client(void **state)
{
    return MQTTAsync_create(state, "tcp://127.0.0.1:1", "test", MQTTCLIENT_PERSISTENCE_NONE, NULL);
}

static int destroy_client(void **state)
{
    MQTTAsync_destroy(state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_file, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_is_there_again),
        TEST(a_mark_counts_once_the_position_reaches_it),
        TEST(another_replay_is_refused),
        TEST(two_cannot_have_it),
        TEST(damage_is_told),
        TEST(one_that_was_not_finished_is_made_again),
        TEST(packets_are_in_doubt_until_they_arrive),
        TEST(what_was_refused_or_forgotten_is_sent_anew),
        TEST(a_torn_slot_says_nothing),
        TEST(packets_are_forgotten_when_the_machine_was_started_anew),
        TEST(settling_is_told),
        TEST(a_packet_without_a_number_is_not_kept),
        TEST(queued_messages_are_handed_back_once),
    };
    return cmocka_run_group_tests(tests, make_client, destroy_client);
}
