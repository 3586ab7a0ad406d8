/* The spool under SIGKILL: a child uses it in every way until it is killed, some hundred times; each time the
 * parent looks at what is left. */
#include "spool_folder.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { KILLS = 300, MOST_MESSAGES = 2000000, WINDOW = 64 };

/* What the child tells, in memory that outlives it. Message n is the nth that was appended. */
struct told {
    _Atomic uint64_t stored;  /* highest number whose append returned */
    _Atomic int pending_kind; /* the append that is under way: kind and packet id; 0: none */
    _Atomic int pending_packet_id;
    _Atomic bool holds[65536];           /* packet ids, by the appends that returned */
    _Atomic bool settled[MOST_MESSAGES]; /* numbers that were to be settled */
    char failure[512];
};

static struct told *told;

static struct spool_settings settings_of_round(int round)
{
    struct spool_settings settings = spool_defaults(folder);
    settings.segment_bytes = round % 2 ? 1000 : 8192;
    settings.window = WINDOW;
    settings.sync = round % 3 == 0 ? SPOOL_SYNC_INTERVAL : SPOOL_SYNC_NONE;
    settings.sync_interval = MILLISECOND;
    return settings;
}

/* ---- the child ---- */

static void append_in_child(struct spool *spool, const struct spool_record *record)
{
    struct error error;
    told->pending_packet_id = record->packet_id;
    told->pending_kind = record->kind;
    if (spool_append(spool, record, NULL, &error) != SPOOL_APPENDED) {
        snprintf(told->failure, sizeof told->failure, "append: %.400s", error.text);
        _exit(1);
    }
    if (record->kind == SPOOL_FORGET)
        for (size_t id = 0; id < 65536; id++)
            told->holds[id] = false;
    else if (record->packet_id != 0)
        told->holds[record->packet_id] = record->kind == SPOOL_MESSAGE;
    if (record->kind == SPOOL_MESSAGE)
        told->stored++;
    told->pending_kind = 0;
}

static void append_some(struct spool *spool, unsigned *seed)
{
    struct message message;
    uint64_t number = told->stored + 1;
    make_message(&message, number);
    message.record.packet_id = (uint16_t)(number % 40 + 1);
    if (told->holds[message.record.packet_id]) {
        const struct spool_record release = {.kind = SPOOL_RELEASE, .packet_id = message.record.packet_id};
        append_in_child(spool, &release);
    }
    append_in_child(spool, &message.record);
    if (rand_r(seed) % 50 == 0) {
        const struct spool_record forget = {.kind = SPOOL_FORGET};
        append_in_child(spool, &forget);
    }
}

struct in_flight {
    uint64_t id, number;
};

/* Settles some of what is in flight, in any order. */
static void settle_some(struct spool *spool, struct in_flight *list, size_t *count, unsigned *seed)
{
    for (size_t i = 0; i < 10 && *count > 0; i++) {
        size_t index = (size_t)rand_r(seed) % (*count < 5 ? *count : 5);
        told->settled[list[index].number] = true;
        if (rand_r(seed) % 10 == 0)
            spool_dead(spool, list[index].id);
        else
            spool_delivered(spool, list[index].id);
        memmove(list + index, list + index + 1, (--*count - index) * sizeof *list);
    }
}

static void use_spool(int round)
{
    const struct spool_settings settings = settings_of_round(round);
    struct in_flight list[WINDOW];
    size_t count = 0;
    unsigned seed = (unsigned)round;
    struct error error;
    struct spool *spool = spool_open(&settings, &error);
    while (spool && told->stored + 20 < MOST_MESSAGES) {
        struct spool_record record;
        enum spool_read_result result = SPOOL_READ_NOTHING;
        for (int i = rand_r(&seed) % 12; i > 0; i--)
            append_some(spool, &seed);
        for (int i = rand_r(&seed) % 20;
             i > 0 && count < WINDOW && (result = spool_read(spool, &record, &error)) == SPOOL_READ_RECORD;
             i--)
            list[count++] = (struct in_flight){record.id, (uint64_t)(record.time / 1000)};
        if (result == SPOOL_READ_FAILED)
            break;
        settle_some(spool, list, &count, &seed);
        if (rand_r(&seed) % 20 == 0) {
            spool_rewind(spool);
            count = 0;
        }
        if (rand_r(&seed) % 20 == 0 && count > 0) {
            for (size_t i = 0; i < count; i++)
                told->settled[list[i].number] = true;
            /* All that was read, and nothing else, is below this. */
            spool_advance(spool, list[count - 1].id + 1);
            count = 0;
        }
        spool_save(spool);
    }
    snprintf(told->failure, sizeof told->failure, "%.500s", error.text);
    _exit(1);
}

/* ---- the parent ---- */

static void check_packet_ids(struct spool *spool)
{
    static uint16_t ids[65535];
    bool held[65536] = {false}, before = true, after = true;
    size_t count = spool_unreleased(spool, ids);
    for (size_t i = 0; i < count; i++)
        held[ids[i]] = true;
    int kind = told->pending_kind, pending = told->pending_packet_id;
    for (int id = 1; id < 65536; id++) {
        bool then = told->holds[id];
        before = before && held[id] == then;
        if (kind == SPOOL_FORGET || (id == pending && kind != 0))
            then = kind == SPOOL_MESSAGE;
        after = after && held[id] == then;
    }
    /* The append that was under way when the child was killed is stored or not. */
    assert_true(before || (kind != 0 && after));
    for (int id = 1; id < 65536; id++)
        told->holds[id] = held[id];
    told->pending_kind = 0;
}

static void check_messages(struct spool *spool)
{
    struct spool_record record;
    struct error error;
    uint64_t next = 0, first = 0, last_id = 0;
    enum spool_read_result result;
    while ((result = spool_read(spool, &record, &error)) == SPOOL_READ_RECORD) {
        uint64_t number = (uint64_t)(record.time / 1000);
        if (next == 0)
            next = first = number;
        if (number != next || !is_message(&record, number) || record.id <= last_id)
            fail_msg("read number %" PRIu64 ", id %" PRIu64 " after %" PRIu64 ", where %" PRIu64 " was due",
                     number, record.id, last_id, next);
        last_id = record.id;
        next++;
    }
    if (result != SPOOL_READ_NOTHING)
        fail_msg("%d %s", (int)result, error.text);
    struct spool_stats stats = stats_of(spool);
    uint64_t stored = told->stored, found = stats.received;
    /* The message that was being appended may be there. */
    assert_in_range(found, stored, stored + 1);
    if (next != 0)
        assert_int_equal(next, found + 1);
    else
        first = found + 1;
    told->stored = found;
    assert_int_equal(stats.delivered + stats.dead, first - 1);
    for (uint64_t number = 1; number < first; number++)
        if (!told->settled[number])
            fail_msg("number %" PRIu64 " is gone", number);
    for (uint64_t number = first; number <= found; number++)
        told->settled[number] = false;
}

static void a_killed_process_loses_nothing(void **state)
{
    (void)state;
    unsigned seed = 4711;
    struct spool_settings settings = spool_defaults(folder);
    settings.window = 1 << 20;
    for (int round = 0; round < KILLS; round++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            use_spool(round);
        usleep((useconds_t)(rand_r(&seed) % 5000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status))
            fail_msg("round %d: the child failed: %s", round, told->failure);
        struct spool *spool = open_with(&settings);
        check_messages(spool);
        check_packet_ids(spool);
        spool_close(spool);
    }
    print_message("%d kills, %" PRIu64 " messages\n", KILLS, (uint64_t)told->stored);
    assert_true(told->stored > KILLS);
}

static int setup(void **state)
{
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return setup_folder(state) || told == MAP_FAILED;
}

static int teardown(void **state)
{
    return teardown_folder(state) || munmap(told, sizeof *told);
}

int main(void)
{
    log_nothing();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_killed_process_loses_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
