/* The file of --resume. */
#include "core_fixture.h"

#include "core/clock.h"
#include "publish/resume.h"

#include <fcntl.h>
#include <unistd.h>

static char path[] = "/tmp/resume-XXXXXX";
static struct error error;
static const char *description;
static int64_t base;

static int new_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/resume-XXXXXX");
    int fd = mkstemp(path);
    description = "topic = a\nqos = 2\n";
    base = 1000;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct resume open_good(void)
{
    struct resume resume;
    if (!resume_open(&resume, path, description, base, &error))
        fail_msg("%s", error.text);
    return resume;
}

static void close_good(struct resume *resume)
{
    assert_true(resume_close(resume));
}

static void assert_refused(const char *part)
{
    struct resume resume;
    assert_false(resume_open(&resume, path, description, base, &error));
    if (!strstr(error.text, part))
        fail_msg("'%s' is not in '%s'", part, error.text);
}

static void what_is_kept_is_there_again(void **state)
{
    (void)state;
    const struct replay_mark loop = {.loop = 1, .number = 40, .seq = 45, .timeline = 7, .base = 1000};
    struct resume resume = open_good();
    assert_false(resume_has(&resume, 1));
    assert_int_equal(resume_mark(&resume, 5).base, 1000);
    assert_true(resume_save(&resume, 50, &loop, SECOND));
    close_good(&resume);
    base = 2000;
    resume = open_good();
    assert_true(resume_has(&resume, 50));
    assert_false(resume_has(&resume, 51));
    struct replay_mark mark = resume_mark(&resume, 5);
    assert_memory_equal(&mark, &loop, sizeof mark);
    assert_false(resume_is_complete(&resume));
    resume_complete(&resume);
    close_good(&resume);
    resume = open_good();
    assert_true(resume_is_complete(&resume));
    close_good(&resume);
}

static void without_a_file_nothing_is_kept(void **state)
{
    (void)state;
    const struct replay_mark beginning = {0};
    struct resume resume;
    assert_true(resume_open(&resume, NULL, description, base, &error));
    assert_int_equal(resume_mark(&resume, 5).base, 5);
    assert_true(resume_save(&resume, 50, &beginning, SECOND));
    assert_false(resume_has(&resume, 1));
    assert_true(resume_reached(&resume, 99));
    resume_complete(&resume);
    assert_false(resume_is_complete(&resume));
    close_good(&resume);
}

static uint64_t loop_after_reopening(struct resume *resume)
{
    close_good(resume);
    *resume = open_good();
    return resume_mark(resume, 0).loop;
}

/* A loop that has begun, but whose first message is not reached yet, is no place to begin again. */
static void a_mark_counts_once_the_position_reaches_it(void **state)
{
    (void)state;
    struct replay_mark marks[] = {
        {.loop = 1, .number = 10}, {.loop = 2, .number = 20}, {.loop = 3, .number = 30}};
    struct resume resume = open_good();
    assert_true(resume_save(&resume, 9, &marks[0], SECOND));
    assert_true(resume_save(&resume, 9, &marks[1], SECOND));
    assert_int_equal(loop_after_reopening(&resume), 0);
    assert_true(resume_save(&resume, 10, &marks[0], SECOND));
    assert_int_equal(loop_after_reopening(&resume), 1);
    assert_true(resume_save(&resume, 25, &marks[1], SECOND));
    assert_true(resume_save(&resume, 29, &marks[2], SECOND));
    assert_int_equal(loop_after_reopening(&resume), 2);
    assert_true(resume_save(&resume, 30, &marks[2], SECOND));
    assert_int_equal(loop_after_reopening(&resume), 3);
    close_good(&resume);
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
    struct resume resume = open_good();
    close_good(&resume);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        description = table[i].description;
        assert_refused(table[i].part);
    }
}

static void two_cannot_have_it(void **state)
{
    (void)state;
    struct resume resume = open_good();
    assert_refused("in use by another publisher");
    close_good(&resume);
    resume = open_good();
    close_good(&resume);
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
    struct resume resume = open_good();
    close_good(&resume);
    overwrite(16, "\1", 1);
    assert_refused("is damaged");
    assert_int_equal(truncate(path, 20), 0);
    assert_refused("is damaged");
    assert_int_equal(truncate(path, 3), 0);
    assert_refused("is not a file of this option");
    overwrite(0, "key,value", 9);
    assert_refused("is not a file of this option");
    overwrite(0, "RTRMRES1", 8);
    assert_refused("is of an older version of this program");
}

/* A kill before the record is written leaves the description alone. */
static void one_that_was_not_finished_is_made_again(void **state)
{
    (void)state;
    overwrite(512, "topic = b\n", 10);
    struct resume resume = open_good();
    assert_false(resume_has(&resume, 1));
    close_good(&resume);
    resume = open_good();
    close_good(&resume);
}

static void a_file_that_cannot_be_written_stops_the_replay(void **state)
{
    (void)state;
    const struct replay_mark beginning = {.base = 1000};
    struct resume resume = open_good();
    int writable = resume.fd;
    resume.fd = open(path, O_RDONLY);
    assert_false(resume_save(&resume, 1, &beginning, SECOND));
    assert_false(resume_save(&resume, 1, &beginning, SECOND));
    assert_true(resume.failed);
    assert_false(resume_close(&resume));
    close(writable);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_file, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_is_there_again),
        TEST(without_a_file_nothing_is_kept),
        TEST(a_mark_counts_once_the_position_reaches_it),
        TEST(another_replay_is_refused),
        TEST(two_cannot_have_it),
        TEST(damage_is_told),
        TEST(one_that_was_not_finished_is_made_again),
        TEST(a_file_that_cannot_be_written_stops_the_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
