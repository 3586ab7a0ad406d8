/* kafka-consume's output: it knows what is written, and waits for a reader only for a limited time. */
#include "core_fixture.h"

#include "core/clock.h"
#include "core/stop.h"
#include "kafka-consume/writer.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { LARGE = 600 * 1024 }; /* more than the buffer holds */

static struct writer open_writer(int fd, int64_t deadline)
{
    struct writer writer;
    struct error error;
    assert_true(writer_open(&writer, fd, deadline, &error));
    return writer;
}

static off_t size_of(FILE *file)
{
    struct stat status;
    assert_int_equal(fstat(fileno(file), &status), 0);
    return status.st_size;
}

static void nothing_is_written_before_it_must_be(void **state)
{
    FILE *file = tmpfile();
    struct writer writer = open_writer(fileno(file), 0);
    (void)state;
    writer_put(&writer, "one\n", 4);
    assert_false(writer_end_message(&writer));
    assert_int_equal(size_of(file), 0);
    assert_true(writer_flush(&writer));
    assert_int_equal(size_of(file), 4);
    writer_put(&writer, "two\n", 4);
    assert_false(writer_end_message(&writer));
    writer_discard(&writer);
    assert_true(writer_flush(&writer));
    assert_int_equal(size_of(file), 4);
    writer_close(&writer);
    fclose(file);
}

static void a_message_that_is_too_long_for_the_buffer_is_written_as_a_whole(void **state)
{
    FILE *file = tmpfile();
    struct writer writer = open_writer(fileno(file), 0);
    char *bytes = calloc(1, LARGE);
    (void)state;
    writer_put(&writer, bytes, LARGE);
    assert_true(writer_end_message(&writer)); /* so it can be committed, and nothing of it discarded */
    assert_int_equal(size_of(file), LARGE);
    writer_put(&writer, "x", 1);
    assert_false(writer_end_message(&writer));
    free(bytes);
    writer_close(&writer);
    fclose(file);
}

static void a_reader_that_is_gone(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct writer writer = open_writer(ends[1], 0);
    assert_true(writer_check(&writer));
    close(ends[0]);
    assert_false(writer_check(&writer));
    assert_int_equal(writer.state, WRITER_CLOSED);
    writer_put(&writer, "x", 1);
    assert_false(writer_flush(&writer));
    writer_close(&writer);
    close(ends[1]);
}

static void a_full_disk(void **state)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct writer writer = open_writer(full, 0);
    (void)state;
    writer_put(&writer, "x", 1);
    assert_false(writer_flush(&writer));
    assert_int_equal(writer.state, WRITER_FAILED);
    assert_contains(writer.error.text, "No space left");
    writer_close(&writer);
    close(full);
}

/* Waits for the few seconds that a reader has. */
static void a_reader_that_takes_nothing_at_the_end(void **state)
{
    int ends[2];
    char *bytes = calloc(1, LARGE);
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct writer writer = open_writer(ends[1], clock_monotonic() + 10 * MILLISECOND);
    writer_put(&writer, bytes, LARGE);
    assert_false(writer_end_message(&writer) && writer.state == WRITER_OPEN);
    assert_int_equal(writer.state, WRITER_STUCK);
    free(bytes);
    writer_close(&writer);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_written_before_it_must_be),
        cmocka_unit_test(a_message_that_is_too_long_for_the_buffer_is_written_as_a_whole),
        cmocka_unit_test(a_reader_that_is_gone),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_reader_that_takes_nothing_at_the_end),
    };
    stop_init(); /* which has SIGPIPE ignored */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
