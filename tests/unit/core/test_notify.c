/* Notifications to a service manager, and wrong environments. tests/flow/test_notify.py tests those of a
 * bridge. */
#include "core_fixture.h"

#include "core/clock.h"
#include "core/notify.h"

#include <stdlib.h>
#include <unistd.h>

static int forget(void **state)
{
    (void)state;
    return unsetenv("NOTIFY_SOCKET") || unsetenv("WATCHDOG_USEC") || unsetenv("WATCHDOG_PID");
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void tells_nobody_without_a_socket(void **state)
{
    struct error error;
    (void)state;
    assert_false(notify_wanted());
    assert_true(notify(&error, "READY=1"));
    set("NOTIFY_SOCKET", "");
    assert_false(notify_wanted());
    assert_true(notify(&error, "READY=1"));
}

static void refuses_addresses_that_are_none(void **state)
{
    char long_name[200] = "/";
    const char *const names[] = {"relative", "vsock:2:1234", long_name};
    (void)state;
    memset(long_name + 1, 'x', sizeof long_name - 2);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct error error;
        set("NOTIFY_SOCKET", names[i]);
        assert_false(notify(&error, "READY=1"));
        assert_non_null(strstr(error.text, names[i]));
        assert_non_null(strstr(error.text, "Address family not supported"));
    }
}

static void reads_the_interval_of_the_watchdog(void **state)
{
    char pid[32];
    (void)state;
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    set("WATCHDOG_USEC", "2500000");
    assert_int_equal(notify_watchdog(), 0); /* no service manager */
    set("NOTIFY_SOCKET", "@x");
    assert_int_equal(notify_watchdog(), 2500 * MILLISECOND);
    set("WATCHDOG_PID", pid);
    assert_int_equal(notify_watchdog(), 2500 * MILLISECOND);
    set("WATCHDOG_PID", "1"); /* for another process, from which this one has its environment */
    assert_int_equal(notify_watchdog(), 0);
    set("WATCHDOG_PID", pid);
    const char *const wrong[] = {"", "0", "-1", "x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        set("WATCHDOG_USEC", wrong[i]);
        assert_int_equal(notify_watchdog(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tells_nobody_without_a_socket, forget),
        cmocka_unit_test_setup(refuses_addresses_that_are_none, forget),
        cmocka_unit_test_setup(reads_the_interval_of_the_watchdog, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
