#include "show.h"

#include "bridges.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/json_text.h"
#include "core/stop.h"
#include "fetch.h"
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_json(const struct bridge_state *states, size_t count)
{
    json_t *all = bridges_json(states, count);
    json_print(all, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(all);
}

/* With --every each table has its time above it. */
static void print_table(const struct status_settings *settings, const struct bridge_state *states,
                        size_t count)
{
    char time[CLOCK_RFC3339_SIZE];
    if (settings->every) {
        clock_rfc3339(clock_realtime(), time);
        printf("%s\n", time);
    }
    table_write(states, count, stdout);
}

static bool print(const struct status_settings *settings, const struct bridge_state *states, size_t count)
{
    if (settings->json)
        print_json(states, count);
    else
        print_table(settings, states, count);
    return fflush(stdout) == 0 && !ferror(stdout);
}

int show(const struct status_settings *settings, const struct targets *targets)
{
    struct bridge_state *states = calloc(targets->count, sizeof *states);
    if (!states || !fetch_init()) {
        log_error(start_failed, "the bridges cannot be asked: out of memory");
        return EXIT_FAILED;
    }
    int status = EXIT_FAILED;
    int64_t begun = clock_monotonic();
    while (bridges_ask(targets, settings, states)) {
        status = bridges_all_well(states, targets->count) ? EXIT_DONE : EXIT_FAILED;
        if (!print(settings, states, targets->count)) {
            log_error(output_failed, "the output cannot be written: %s", strerror(errno));
            status = EXIT_FAILED;
            break;
        }
        if (!settings->every || stop_wait(begun + settings->every - clock_monotonic()))
            break;
        begun = clock_monotonic();
    }
    bridges_free(states, targets->count);
    free(states);
    return status;
}
