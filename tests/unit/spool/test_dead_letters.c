#include "spool_folder.h"

#include "spool/dead_letters.h"

#define LOG_NAME "dead-letters.log"

static struct spool *spool;

static int setup(void **state)
{
    int made = setup_folder(state);
    spool = open_spool(folder);
    return made;
}

static int teardown(void **state)
{
    spool_close(spool);
    return teardown_folder(state);
}

static struct dead_letters *open_letters(bool read_only)
{
    struct error error;
    struct dead_letters *letters = dead_letters_open(folder, read_only, &error);
    if (!letters)
        fail_msg("%s", error.text);
    return letters;
}

static void assert_letters_refused(bool read_only, const char *words)
{
    struct error error;
    assert_null(dead_letters_open(folder, read_only, &error));
    if (!strstr(error.text, words))
        fail_msg("'%s' is not in: %s", words, error.text);
}

static void append_letter(struct dead_letters *letters, uint64_t number)
{
    struct message message;
    struct error error;
    make_message(&message, number);
    message.record.id = number;
    message.record.reason = (struct spool_bytes){"too large", 9};
    if (!dead_letters_append(letters, &message.record, &error))
        fail_msg("%s", error.text);
}

/* The letters' ids in order, "1 2 3 ". */
static bool list_id(void *text, const struct spool_record *record)
{
    assert_true(is_message(record, record->id));
    assert_true(same_bytes(record->reason, (struct spool_bytes){"too large", 9}));
    sprintf((char *)text + strlen(text), "%" PRIu64 " ", record->id);
    return strlen(text) < 1000;
}

static void assert_holds(struct dead_letters *letters, const char *ids)
{
    char text[1100] = "";
    struct error error;
    uint64_t count = 0;
    if (!dead_letters_each(letters, list_id, text, &error))
        fail_msg("%s", error.text);
    assert_string_equal(text, ids);
    for (const char *at = ids; *at; at++)
        count += *at == ' ';
    assert_int_equal(dead_letters_count(letters), count);
    assert_int_equal(dead_letters_bytes(letters),
                     file_exists(folder, LOG_NAME) ? file_size(folder, LOG_NAME) : 0);
}

static bool is_even(void *context, const struct spool_record *record)
{
    (void)context;
    return record->id % 2 == 0;
}

static bool never(void *context, const struct spool_record *record)
{
    (void)context;
    (void)record;
    return false;
}

static void letters_are_kept(void **state)
{
    (void)state;
    struct dead_letters *letters = open_letters(false);
    assert_holds(letters, "");
    append_letter(letters, 7);
    append_letter(letters, 3);
    append_letter(letters, 100);
    assert_holds(letters, "7 3 100 ");
    dead_letters_close(letters);
    letters = open_letters(false);
    append_letter(letters, 101);
    assert_holds(letters, "7 3 100 101 ");
    dead_letters_close(letters);
}

static void a_letter_is_kept_once(void **state)
{
    (void)state;
    struct dead_letters *letters = open_letters(false);
    append_letter(letters, 5);
    append_letter(letters, 9);
    append_letter(letters, 5);
    dead_letters_close(letters);
    letters = open_letters(false);
    append_letter(letters, 9);
    append_letter(letters, 5);
    append_letter(letters, 6);
    assert_holds(letters, "5 9 6 ");
    dead_letters_close(letters);
}

static void a_visit_may_stop_early(void **state)
{
    (void)state;
    struct dead_letters *letters = open_letters(false);
    struct error error;
    append_letter(letters, 1);
    append_letter(letters, 2);
    assert_true(dead_letters_each(letters, never, NULL, &error));
    dead_letters_close(letters);
}

static void letters_are_removed(void **state)
{
    (void)state;
    struct dead_letters *letters = open_letters(false);
    struct error error;
    uint64_t removed = 77;
    assert_true(dead_letters_remove(letters, is_even, NULL, &removed, &error));
    assert_int_equal(removed, 0);
    for (uint64_t id = 1; id <= 9; id++)
        append_letter(letters, id);
    assert_true(dead_letters_remove(letters, never, NULL, &removed, &error));
    assert_int_equal(removed, 0);
    assert_true(dead_letters_remove(letters, is_even, NULL, &removed, &error));
    assert_int_equal(removed, 4);
    assert_holds(letters, "1 3 5 7 9 ");
    append_letter(letters, 4); /* it is not there any more */
    append_letter(letters, 3);
    assert_holds(letters, "1 3 5 7 9 4 ");
    dead_letters_close(letters);
    letters = open_letters(false);
    assert_holds(letters, "1 3 5 7 9 4 ");
    assert_false(file_exists(folder, LOG_NAME ".tmp"));
    dead_letters_close(letters);
}

static void reading_changes_nothing(void **state)
{
    (void)state;
    struct dead_letters *letters = open_letters(true);
    struct error error;
    uint64_t removed;
    struct spool_record record = {.kind = SPOOL_MESSAGE, .id = 1};
    assert_holds(letters, "");
    assert_false(dead_letters_append(letters, &record, &error));
    assert_false(dead_letters_remove(letters, is_even, NULL, &removed, &error));
    dead_letters_close(letters);
    assert_false(file_exists(folder, LOG_NAME));

    letters = open_letters(false);
    append_letter(letters, 1);
    append_letter(letters, 2);
    dead_letters_close(letters);
    struct content content = read_file(folder, LOG_NAME);
    write_file(folder, LOG_NAME, content.bytes, content.length - 1);
    free(content.bytes);
    int64_t size = file_size(folder, LOG_NAME);
    char text[1100] = "";
    letters = open_letters(true);
    assert_true(dead_letters_each(letters, list_id, text, &error));
    assert_string_equal(text, "1 ");
    dead_letters_close(letters);
    assert_int_equal(file_size(folder, LOG_NAME), size);
}

static void who_watches_gets_each_letter_once(void **state)
{
    char ids[100] = "";
    (void)state;
    struct dead_letters *letters = open_letters(false);
    append_letter(letters, 1);
    dead_letters_watch(letters, list_id, ids);
    append_letter(letters, 2);
    append_letter(letters, 1); /* it is there already, as after a kill */
    append_letter(letters, 3);
    assert_string_equal(ids, "2 3 ");
    dead_letters_close(letters);
}

static void a_torn_letter_is_cut_off_at_every_byte(void **state)
{
    (void)state;
    struct dead_letters *letters = open_letters(false);
    append_letter(letters, 1);
    int64_t whole = file_size(folder, LOG_NAME);
    append_letter(letters, 2);
    dead_letters_close(letters);
    struct content content = read_file(folder, LOG_NAME);
    for (size_t length = (size_t)whole; length < content.length; length++) {
        write_file(folder, LOG_NAME, content.bytes, length);
        letters = open_letters(false);
        assert_holds(letters, "1 ");
        append_letter(letters, 2);
        assert_holds(letters, "1 2 ");
        dead_letters_close(letters);
    }
    free(content.bytes);
}

static void damage_is_refused(void **state)
{
    (void)state;
    struct dead_letters *letters = open_letters(false);
    append_letter(letters, 1);
    append_letter(letters, 2);
    dead_letters_close(letters);
    struct content content = read_file(folder, LOG_NAME);
    content.bytes[70] ^= 1; /* in the first letter */
    write_file(folder, LOG_NAME, content.bytes, content.length);
    assert_letters_refused(false, "damaged at offset 52");
    assert_letters_refused(true, "damaged at offset 52");
    content.bytes[70] ^= 1;
    content.bytes[20] ^= 1; /* in the header */
    write_file(folder, LOG_NAME, content.bytes, content.length);
    assert_letters_refused(false, "header is damaged");
    free(content.bytes);
}

static void another_spools_letters_are_refused(void **state)
{
    (void)state;
    struct dead_letters *letters = open_letters(false);
    append_letter(letters, 1);
    dead_letters_close(letters);
    char other[64];
    make_folder(other);
    spool_close(open_spool(other));
    struct content content = read_file(folder, LOG_NAME);
    write_file(other, LOG_NAME, content.bytes, content.length);
    free(content.bytes);
    struct error error;
    assert_null(dead_letters_open(other, false, &error));
    assert_non_null(strstr(error.text, "another spool"));
    remove_folder(other);
}

static void many_letters_are_known_all_the_same(void **state)
{
    (void)state;
    enum { COUNT = 70000 }; /* more than are remembered */
    struct dead_letters *letters = open_letters(false);
    struct spool_record record = {.kind = SPOOL_MESSAGE};
    for (int round = 0; round < 2; round++) {
        for (uint64_t id = 2; id <= 2 * COUNT; id += 2) {
            record.id = id;
            /* The second time, some suffice: the old ones are looked up in the file. */
            if (round == 0 || id % 2000 == 0)
                assert_true(dead_letters_append(letters, &record, NULL));
        }
        assert_int_equal(dead_letters_count(letters), COUNT);
    }
    record.id = 7;
    assert_true(dead_letters_append(letters, &record, NULL));
    assert_int_equal(dead_letters_count(letters), COUNT + 1);
    record.id = 0;
    assert_false(dead_letters_append(letters, &record, NULL));
    dead_letters_close(letters);
    letters = open_letters(false);
    assert_int_equal(dead_letters_count(letters), COUNT + 1);
    record.id = 8;
    assert_true(dead_letters_append(letters, &record, NULL));
    assert_int_equal(dead_letters_count(letters), COUNT + 1);
    dead_letters_close(letters);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(letters_are_kept),
        TEST(a_letter_is_kept_once),
        TEST(a_visit_may_stop_early),
        TEST(letters_are_removed),
        TEST(reading_changes_nothing),
        TEST(who_watches_gets_each_letter_once),
        TEST(a_torn_letter_is_cut_off_at_every_byte),
        TEST(damage_is_refused),
        TEST(another_spools_letters_are_refused),
        TEST(many_letters_are_known_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
