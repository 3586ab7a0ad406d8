#include "show.h"

#include "bridges.h"
#include "clock.h"
#include "fetch.h"
#include "screen.h"
#include "stop.h"
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_json(const struct bridge_state *states, size_t count)
{
    json_t *all = bridges_json(states, count);
    json_dumpf(all, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(all);
}

static void print_table(const struct bridge_state *states, size_t count)
{
    struct table_style style = {.lines = SIZE_MAX, .color = screen_color(), .line_end = "\n"};
    size_t lines;
    if (screen_usable())
        screen_size(&style.width, &lines);
    table_write(states, count, &style, stdout);
}

/* The last line of the screen: what had no room above it, and the time. */
static void describe(const struct table_parts *rest, char *text, size_t size)
{
    char bridges[64] = "", problems[64] = "", time[CLOCK_RFC3339_SIZE];
    if (rest->not_well)
        snprintf(bridges, sizeof bridges, "%zu more, %zu not well  ", rest->well + rest->not_well,
                 rest->not_well);
    else if (rest->well)
        snprintf(bridges, sizeof bridges, "%zu more, all well  ", rest->well);
    if (rest->problems)
        snprintf(problems, sizeof problems, "%zu more problem%s  ", rest->problems,
                 rest->problems > 1 ? "s" : "");
    clock_rfc3339(clock_realtime(), time);
    snprintf(text, size, "%s%s%s", bridges, problems, time);
}

/* All in one write, so that nothing flickers. */
static void draw(const struct bridge_state *states, size_t count)
{
    struct table_style style = {.color = screen_color(), .line_end = SCREEN_LINE_END};
    char last[192];
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return;
    screen_size(&style.width, &style.lines);
    style.lines--;
    struct table_parts rest = table_write(states, count, &style, out);
    fclose(out);
    describe(&rest, last, sizeof last);
    printf(SCREEN_HOME "%s%.*s" SCREEN_CLEAR_REST, text, (int)style.width, last);
    fflush(stdout);
    free(text);
}

static void keep_up_to_date(const struct status_settings *settings, const struct targets *targets,
                            struct bridge_state *states)
{
    int64_t due = clock_monotonic() + settings->interval;
    screen_begin();
    while (!stop_requested() && !ferror(stdout)) {
        draw(states, targets->count);
        int64_t left = due - clock_monotonic();
        if (left > 0) {
            screen_wait(left); /* what is left of it after a resize or Ctrl-Z */
            continue;
        }
        bridges_ask(targets, settings, states);
        due = clock_monotonic() + settings->interval;
    }
    screen_end();
}

static void present(const struct status_settings *settings, const struct targets *targets,
                    struct bridge_state *states)
{
    if (settings->json) {
        print_json(states, targets->count);
        return;
    }
    if (!settings->once && screen_usable())
        keep_up_to_date(settings, targets, states);
    print_table(states, targets->count); /* the last one stays behind */
}

int show(const struct status_settings *settings, const struct targets *targets)
{
    struct bridge_state *states = calloc(targets->count, sizeof *states);
    if (!states || !fetch_init()) {
        log_error(start_failed, "the bridges cannot be asked: out of memory");
        return EXIT_FAILED;
    }
    int status = EXIT_FAILED;
    if (bridges_ask(targets, settings, states)) {
        present(settings, targets, states);
        if (bridges_all_well(states, targets->count))
            status = EXIT_DONE;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        log_error(output_failed, "the output cannot be written: %s", strerror(errno));
        status = EXIT_FAILED;
    }
    bridges_free(states, targets->count);
    free(states);
    return status;
}
