/* Being asked to stop. Each test runs in a child of its own: the flag cannot be taken back. */
#include "core_fixture.h"

#include "core/clock.h"
#include "core/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static bool readable(int descriptor)
{
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    return poll(&wait, 1, 0) == 1 && wait.revents == POLLIN;
}

/* Runs `body` in a child; returns its wait status. The child exits with what body returns. */
static int in_child(int (*body)(void))
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(body());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_exits(int (*body)(void), int wanted)
{
    int status = in_child(body);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), wanted);
}

static int signal_sets_the_flag(void)
{
    stop_init();
    if (stop_requested() || readable(stop_fd()) || stop_wait(0) || stop_wait(MILLISECOND))
        return 1;
    errno = ERANGE;
    raise(SIGTERM);
    if (errno != ERANGE)
        return 2;
    return stop_requested() && readable(stop_fd()) && readable(stop_fd()) && stop_wait(INT64_MAX) ? 0 : 3;
}

static void first_signal(void **state)
{
    (void)state;
    assert_exits(signal_sets_the_flag, 0);
}

static int two_signals(void)
{
    stop_init();
    raise(SIGTERM);
    raise(SIGINT);
    return 0;
}

static void second_signal(void **state)
{
    (void)state;
    assert_exits(two_signals, 128 + SIGINT);
}

static int request_then_signal(void)
{
    stop_init();
    stop_request();
    if (!stop_requested() || !readable(stop_fd()))
        return 1;
    raise(SIGTERM);
    return 0;
}

static void signal_after_a_request_is_the_first(void **state)
{
    (void)state;
    assert_exits(request_then_signal, 0);
}

static int request_before_init(void)
{
    stop_request();
    stop_init();
    return stop_requested() && readable(stop_fd()) ? 0 : 1;
}

static void request_is_kept(void **state)
{
    (void)state;
    assert_exits(request_before_init, 0);
}

/* Is that process asleep? Its state is the third field of its stat, see proc(5). */
static bool asleep(pid_t pid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    if (file)
        fclose(file);
    return state == 'S';
}

static int signal_while_waiting(void)
{
    stop_init();
    pid_t waiting = getpid(), sender = fork();
    if (sender == 0) {
        alarm(20);
        while (!asleep(waiting))
            usleep(1000);
        _exit(kill(waiting, SIGINT));
    }
    return stop_wait(INT64_MAX) ? 0 : 1;
}

static void waiting_ends(void **state)
{
    (void)state;
    assert_exits(signal_while_waiting, 0);
}

static int write_to_closed_pipe(void)
{
    int ends[2];
    stop_init();
    if (pipe(ends) != 0)
        return 1;
    close(ends[0]);
    return write(ends[1], "x", 1) < 0 && errno == EPIPE ? 0 : 2;
}

static void closed_pipe_is_an_error(void **state)
{
    (void)state;
    assert_exits(write_to_closed_pipe, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_signal),
        cmocka_unit_test(second_signal),
        cmocka_unit_test(signal_after_a_request_is_the_first),
        cmocka_unit_test(request_is_kept),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(closed_pipe_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
