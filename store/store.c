#include "store.h"

#include "consumer.h"
#include "pages.h"
#include "progress.h"
#include "writer.h"

#include "core/clock.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "core/notify.h"
#include "core/state_folder.h"
#include "core/text.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t farewell = SECOND / 2; /* for a writer that has nothing to write */

struct store {
    const struct store_settings *settings;
    struct database_settings database;
    struct progress progress;
    struct consumer *consumer;
    struct writer *writer;
    struct pages *pages; /* NULL: nobody wants them */
    int64_t next_notice; /* monotonic ns */
};

/* Makes the folders above the file that are missing. */
static bool make_folders_of(const char *file, struct error *error)
{
    char *folder = text_copy(file), *name = strrchr(folder, '/');
    if (name)
        *name = '\0';
    bool ok = !name || make_folders(folder, error);
    free(folder);
    return ok;
}

static bool open_all(struct store *s, struct error *error)
{
    s->database = (struct database_settings){.address = s->settings->database,
                                             .timeout = s->settings->database_timeout};
    if (s->settings->kind == &sqlite_kind) {
        s->database.path = s->settings->database + strlen("sqlite:");
        if (!make_folders_of(s->database.path, error))
            return false;
    }
    s->consumer = consumer_open(s->settings, &s->progress, error);
    if (s->consumer)
        s->writer =
            writer_open(s->settings->kind, &s->database, consumer_handover(s->consumer), &s->progress, error);
    if (!s->writer || !s->settings->http.at)
        return s->writer != NULL;
    s->pages = pages_open(s->settings, &s->progress, error);
    return s->pages != NULL;
}

/* The event is "started" or "stopped". */
static void log_state(struct store *s, const char *event)
{
    pthread_mutex_lock(&s->progress.mutex);
    const struct progress_counts counts = s->progress.counts;
    pthread_mutex_unlock(&s->progress.mutex);
    log_write(LOG_LEVEL_INFO, event,
              LOG_FIELDS(LOG_NUMBER("consumed", counts.consumed), LOG_NUMBER("stored", counts.stored),
                         LOG_NUMBER("rejected", counts.rejected)),
              "%s: consumed %" PRIu64 " = stored %" PRIu64 " + rejected %" PRIu64 ", since the start", event,
              counts.consumed, counts.stored, counts.rejected);
}

/* The service manager learns how it is, and that the main thread moves. */
static void tell_manager(struct store *s, int64_t now)
{
    struct error error;
    if (!notify_wanted())
        return;
    pthread_mutex_lock(&s->progress.mutex);
    const struct progress_counts counts = s->progress.counts;
    bool up = s->progress.database_up;
    pthread_mutex_unlock(&s->progress.mutex);
    if (notify_watchdog())
        notify(&error, "WATCHDOG=1");
    if (now < s->next_notice)
        return;
    s->next_notice = now + 10 * SECOND;
    notify(&error, "STATUS=Database %s. Stored %" PRIu64 ", rejected %" PRIu64, up ? "connected" : "away",
           counts.stored, counts.rejected);
}

static void on_tick(void *context)
{
    struct store *s = context;
    int64_t now = clock_monotonic();
    pthread_mutex_lock(&s->progress.mutex);
    s->progress.beat = now;
    pthread_mutex_unlock(&s->progress.mutex);
    pages_tick(s->pages);
    tell_manager(s, now);
}

static int run(struct store *s)
{
    struct error error;
    log_state(s, LOG_EVENT(started));
    notify(&error, "READY=1");
    bool ok = consumer_run(s->consumer, on_tick, s);
    notify(&error, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64,
           (s->settings->drain_timeout + 30 * SECOND) / MICROSECOND);
    if (writer_failed(s->writer))
        ok = false;
    return ok ? EXIT_DONE : EXIT_FAILED;
}

static void close_all(struct store *s)
{
    int64_t begun = clock_monotonic();
    if (s->writer) {
        bool writing = consumer_drain(s->consumer, s->settings->drain_timeout);
        int64_t left = (writing ? s->settings->drain_timeout : farewell) - (clock_monotonic() - begun);
        writer_close(s->writer, left > 0 ? left : 0);
        log_state(s, LOG_EVENT(stopped));
    }
    pages_close(s->pages);
    if (!s->consumer || consumer_close(s->consumer))
        progress_free(&s->progress);
}

int store_run(struct store_settings *settings)
{
    struct store store = {.settings = settings};
    struct error error;
    int status = EXIT_FAILED;
    /* librdkafka allocates and frees large buffers all the time. With pages of their own they do not fragment
     * the heap. */
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    signal(SIGXFSZ, SIG_IGN); /* writing to a file that may not grow is an error instead */
    progress_init(&store.progress);
    if (open_all(&store, &error))
        status = run(&store);
    else {
        log_error(start_failed, "%s", error.text);
        status = store.consumer ? EXIT_FAILED : EXIT_WRONG_USE;
    }
    close_all(&store);
    return status;
}
