#include "dashboard.h"

#include "core/clock.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "core/notify.h"
#include "core/stop.h"
#include "feed.h"
#include "programs.h"
#include "room.h"
#include "server.h"

#include <unistd.h>

/* Between two looks for what is new: a page shows it well within a second. */
static const int64_t step = SECOND / 4;

struct dashboard {
    const struct dashboard_settings *settings;
    struct feed_settings feed_settings;
    struct room *room;
    struct feed *feed;
    struct programs *programs;
    struct server *server;
};

static bool open_all(struct dashboard *d, struct error *error)
{
    const struct dashboard_settings *settings = d->settings;
    size_t count = settings->topics.count;
    d->feed_settings = (struct feed_settings){&settings->kafka, &settings->topics, settings->history};
    d->room = room_new(&settings->topics, settings->people ? count - 1 : count, error);
    if (d->room)
        d->feed = feed_open(&d->feed_settings, d->room, error);
    if (d->feed)
        d->programs = programs_open(&settings->programs, error);
    if (!d->programs)
        return false;
    const struct server_sources sources = {settings, d->room, d->feed, d->programs};
    d->server = server_open(&sources, error);
    return d->server != NULL;
}

/* To the service manager, if there is one. Whether it receives that does not matter. */
static void tell(const char *what)
{
    struct error ignored;
    notify(&ignored, "%s", what);
}

static void run(const struct dashboard *d)
{
    tell("READY=1");
    do {
        server_tick(d->server);
        if (notify_watchdog() > 0)
            tell("WATCHDOG=1");
    } while (!stop_wait(step));
    tell("STOPPING=1");
}

static void close_all(struct dashboard *d, int status)
{
    stop_request(); /* the thread that asks the programs waits for it */
    server_close(d->server);
    programs_close(d->programs);
    if (!feed_close(d->feed))
        _exit(status); /* its thread still uses the room */
    room_free(d->room);
}

int dashboard_run(const struct dashboard_settings *settings)
{
    struct dashboard d = {.settings = settings};
    struct error error;
    int status = EXIT_DONE;
    if (open_all(&d, &error)) {
        run(&d);
    } else {
        log_error(start_failed, "%s", error.text);
        /* Before the feed is open, only a Kafka property can be refused: another start would not help. */
        status = d.room && !d.feed ? EXIT_WRONG_USE : EXIT_FAILED;
    }
    close_all(&d, status);
    return status;
}
