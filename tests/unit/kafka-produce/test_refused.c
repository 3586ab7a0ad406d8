/* kafka-produce: which messages of refused batches go together, until those at fault are known. */
#include "core_fixture.h"

#include "kafka-produce/refused.h"

enum { LINES = 1000 };

/* A Kafka that refuses a group with more than `most` messages or a bad line, and keeps what it accepts. */
struct judge {
    size_t most;
    uint64_t bad[2];
    uint64_t taken[LINES], failed[LINES];
    size_t taken_count, failed_count, groups;
};

static bool is_bad(const struct judge *judge, uint64_t line)
{
    return line == judge->bad[0] || line == judge->bad[1];
}

static bool takes(const struct judge *judge, const struct refused_message *group, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_bad(judge, group[i].line))
            return false;
    return count <= judge->most;
}

static void add(struct refused *refused, uint64_t line)
{
    char text[24], empty[] = "";
    int length = snprintf(text, sizeof text, "%d", (int)line);
    const rd_kafka_message_t message = {.payload = text, .len = (size_t)length, .key = empty, .key_len = 0};
    refused_add(refused, line, (int64_t)line * 10, &message, NULL);
}

static void run(struct refused *refused, struct judge *judge)
{
    size_t count;
    while (refused_count(refused) > 0) {
        const struct refused_message *group = refused_group(refused, &count);
        bool taken = takes(judge, group, count);
        assert_true(++judge->groups < 10 * LINES);
        for (size_t i = 0; i < count; i++) {
            const uint64_t line = group[i].line;
            char text[24];
            snprintf(text, sizeof text, "%d", (int)line);
            assert_int_equal(group[i].message.value_length, strlen(text));
            assert_memory_equal(group[i].message.value, text, strlen(text));
            assert_non_null(group[i].message.key);
            assert_int_equal(group[i].message.timestamp, line * 10);
            if (taken)
                judge->taken[judge->taken_count++] = line;
            else if (count == 1)
                judge->failed[judge->failed_count++] = line;
            if (taken || count == 1)
                refused_settle(refused, line, taken);
        }
        refused_end_group(refused);
    }
}

static void check(struct judge judge, size_t failures, size_t most_groups)
{
    struct refused refused = {0};
    /* Those behind a refused batch come before it. */
    for (uint64_t line = LINES / 2; line <= LINES; line++)
        add(&refused, line);
    for (uint64_t line = 1; line < LINES / 2; line++)
        add(&refused, line);
    refused_sort(&refused);
    run(&refused, &judge);
    assert_int_equal(judge.failed_count, failures);
    assert_int_equal(judge.taken_count, LINES - failures);
    for (size_t i = 0; i + 1 < judge.taken_count; i++)
        assert_true(judge.taken[i] < judge.taken[i + 1]);
    for (size_t i = 0; i < judge.failed_count; i++)
        assert_true(is_bad(&judge, judge.failed[i]));
    assert_true(judge.groups <= most_groups);
    refused_free(&refused);
}

static void one_at_fault_is_found_by_halves(void **state)
{
    (void)state;
    check((struct judge){.most = LINES, .bad = {1}}, 1, 25);
    check((struct judge){.most = LINES, .bad = {LINES}}, 1, 25);
    check((struct judge){.most = LINES, .bad = {400, 401}}, 2, 35);
}

static void none_is_at_fault_where_the_batch_is_too_large(void **state)
{
    (void)state;
    check((struct judge){.most = 15}, 0, 300);
    check((struct judge){.most = 1, .bad = {3}}, 1, 3 * LINES);
}

static void outcomes_come_in_any_order_and_in_part(void **state)
{
    struct refused refused = {0};
    size_t count;
    (void)state;
    for (uint64_t line = 1; line <= 8; line++)
        add(&refused, line);
    const struct refused_message *group = refused_group(&refused, &count);
    assert_int_equal(count, 4);
    assert_int_equal(group[0].line, 1);
    refused_settle(&refused, 4, true);
    refused_settle(&refused, 2, true);
    refused_end_group(&refused);
    group = refused_group(&refused, &count);
    assert_int_equal(count, 1);
    assert_int_equal(group[0].line, 1);
    assert_int_equal(group[1].line, 3);
    assert_int_equal(group[2].line, 5);
    assert_int_equal(refused_count(&refused), 6);
    refused_free(&refused);
    assert_int_equal(refused_count(&refused), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_fault_is_found_by_halves),
        cmocka_unit_test(none_is_at_fault_where_the_batch_is_too_large),
        cmocka_unit_test(outcomes_come_in_any_order_and_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
