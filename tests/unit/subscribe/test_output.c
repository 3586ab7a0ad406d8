/* The bounded buffer in front of standard output: nothing lost, nothing waits for ever. */
#include "core_fixture.h"

#include "core/clock.h"
#include "subscribe/output.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { BUFFER = 2 * PIPE_BUF }; /* so that a whole one can block */

/* Far beyond what anything here takes: a test that needs it has failed. */
static int64_t much_later(void)
{
    return clock_monotonic() + 30 * SECOND;
}

static struct output *open_output(int fd)
{
    struct error error;
    struct output *output = output_open(fd, BUFFER, &error);
    assert_non_null(output);
    return output;
}

static void put(struct output *output, const char *text)
{
    assert_true(output_begin(output));
    output_write(output, text, strlen(text));
    output_end(output);
}

/* A thread that produces numbered lines until there are `count` or the output ends. */
struct producer {
    struct output *output;
    int count;
    atomic_int produced;
    pthread_t thread;
};

static void *produce(void *context)
{
    struct producer *p = context;
    while (atomic_load(&p->produced) < p->count && output_begin(p->output)) {
        char line[16];
        int length = snprintf(line, sizeof line, "%06d\n", atomic_load(&p->produced));
        output_write(p->output, line, (size_t)length);
        output_end(p->output);
        atomic_fetch_add(&p->produced, 1);
    }
    output_finish(p->output);
    return NULL;
}

static void start(struct producer *p)
{
    assert_int_equal(pthread_create(&p->thread, NULL, produce, p), 0);
}

static void writes_all_in_order(void **state)
{
    FILE *file = tmpfile();
    struct producer producer = {.output = open_output(fileno(file)), .count = 20000};
    struct error error;
    char line[16];
    (void)state;
    start(&producer);
    assert_int_equal(output_relay(producer.output, -1, much_later(), &error), OUTPUT_FINISHED);
    pthread_join(producer.thread, NULL);
    rewind(file);
    for (int i = 0; i < producer.count; i++) {
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(atoi(line), i);
    }
    assert_null(fgets(line, sizeof line, file));
    output_close(producer.output);
    fclose(file);
}

/* Reads a pipe to its end, counting. */
static void *drain_pipe(void *context)
{
    const int *fd = context;
    char piece[700];
    intptr_t total = 0;
    ssize_t count;
    while ((count = read(*fd, piece, sizeof piece)) > 0)
        total += count;
    return (void *)total;
}

static void writes_all_into_a_pipe(void **state)
{
    int ends[2];
    pthread_t reader;
    void *total;
    struct error error;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct producer producer = {.output = open_output(ends[1]), .count = 20000};
    assert_int_equal(pthread_create(&reader, NULL, drain_pipe, &ends[0]), 0);
    start(&producer);
    assert_int_equal(output_relay(producer.output, -1, much_later(), &error), OUTPUT_FINISHED);
    close(ends[1]);
    pthread_join(producer.thread, NULL);
    pthread_join(reader, &total);
    assert_int_equal((intptr_t)total, 20000 * 7);
    output_close(producer.output);
    close(ends[0]);
}

static void a_stalled_reader_holds_the_producer_back_and_nothing_else(void **state)
{
    int ends[2], stop = eventfd(1, EFD_CLOEXEC);
    struct error error;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int pipe_bytes = fcntl(ends[1], F_SETPIPE_SZ, 4096);
    struct producer producer = {.output = open_output(ends[1]), .count = INT32_MAX};
    start(&producer);
    assert_int_equal(output_relay(producer.output, -1, clock_monotonic() + 100 * MILLISECOND, &error),
                     OUTPUT_TIMED_OUT);
    assert_int_equal(output_relay(producer.output, stop, much_later(), &error), OUTPUT_STOPPED);
    assert_true(atomic_load(&producer.produced) * 7 <= pipe_bytes + 2 * BUFFER);
    output_abort(producer.output);
    pthread_join(producer.thread, NULL);
    output_close(producer.output);
    close(stop);
    close(ends[0]);
    close(ends[1]);
}

static void what_was_there_at_a_stop_can_still_be_written(void **state)
{
    FILE *file = tmpfile();
    int stop = eventfd(1, EFD_CLOEXEC);
    struct output *output = open_output(fileno(file));
    struct error error;
    char line[16];
    (void)state;
    put(output, "last\n");
    assert_int_equal(output_relay(output, stop, much_later(), &error), OUTPUT_STOPPED);
    output_finish(output);
    assert_int_equal(output_relay(output, -1, much_later(), &error), OUTPUT_FINISHED);
    rewind(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "last\n");
    output_close(output);
    close(stop);
    fclose(file);
}

static void a_message_that_has_begun_is_completed(void **state)
{
    FILE *file = tmpfile();
    struct output *output = open_output(fileno(file));
    struct error error;
    char line[16];
    (void)state;
    assert_true(output_begin(output));
    output_write(output, "be", 2);
    output_finish(output);
    assert_int_equal(output_relay(output, -1, clock_monotonic() + 20 * MILLISECOND, &error),
                     OUTPUT_TIMED_OUT);
    output_write(output, "gun\n", 4);
    output_end(output);
    assert_false(output_begin(output));
    assert_int_equal(output_relay(output, -1, much_later(), &error), OUTPUT_FINISHED);
    rewind(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "begun\n");
    output_close(output);
    fclose(file);
}

static void the_readers_end_is_noticed_without_a_message(void **state)
{
    int ends[2];
    struct error error;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct output *output = open_output(ends[1]);
    close(ends[0]);
    assert_int_equal(output_relay(output, -1, much_later(), &error), OUTPUT_CLOSED);
    output_close(output);
    close(ends[1]);
}

static void an_end_noticed_by_the_write_is_an_end_too(void **state)
{
    int ends[2];
    struct error error;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0); /* poll reports room, the write EPIPE */
    struct output *output = open_output(ends[1]);
    put(output, "lost\n");
    assert_int_equal(output_relay(output, -1, much_later(), &error), OUTPUT_CLOSED);
    output_close(output);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_disk_is_a_failure(void **state)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct output *output = open_output(full);
    struct error error;
    (void)state;
    put(output, "lost\n");
    assert_int_equal(output_relay(output, -1, much_later(), &error), OUTPUT_FAILED);
    assert_contains(error.text, "No space left on device");
    output_close(output);
    close(full);
}

static void a_closed_descriptor_is_a_failure(void **state)
{
    int fd = dup(STDOUT_FILENO);
    struct output *output = open_output(fd);
    struct error error;
    (void)state;
    close(fd);
    assert_int_equal(output_relay(output, -1, much_later(), &error), OUTPUT_FAILED);
    assert_contains(error.text, "it is closed");
    output_close(output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_all_in_order),
        cmocka_unit_test(writes_all_into_a_pipe),
        cmocka_unit_test(a_stalled_reader_holds_the_producer_back_and_nothing_else),
        cmocka_unit_test(what_was_there_at_a_stop_can_still_be_written),
        cmocka_unit_test(a_message_that_has_begun_is_completed),
        cmocka_unit_test(the_readers_end_is_noticed_without_a_message),
        cmocka_unit_test(an_end_noticed_by_the_write_is_an_end_too),
        cmocka_unit_test(a_full_disk_is_a_failure),
        cmocka_unit_test(a_closed_descriptor_is_a_failure),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
