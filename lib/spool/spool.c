#include "core/clock.h"
#include "file.h"
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t failure_log_interval = 30 * SECOND;

/* A limit on the size of files is then an error of the write, which is handled, and not the end of the
 * process. */
static void ignore_file_size_signal(void)
{
    struct sigaction action;
    if (sigaction(SIGXFSZ, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        signal(SIGXFSZ, SIG_IGN);
}

int64_t spool_segment_size(int64_t wanted, int64_t max_bytes)
{
    return wanted < max_bytes / 8 ? wanted : max_bytes / 8;
}

/* Frees everything except the background thread, which has ended. */
static void free_spool(struct spool *s)
{
    if (s->read_segment != 0)
        close(s->reader.fd);
    record_reader_free(&s->reader);
    window_free(&s->window);
    segment_list_free(&s->segments);
    file_close(s->active.fd);
    file_close(s->position_fd);
    file_close(s->lock_fd);
    folder_close(&s->folder);
    pthread_mutex_destroy(&s->append_mutex);
    pthread_mutex_destroy(&s->state_mutex);
    pthread_mutex_destroy(&s->sync_mutex);
    signals_close(&s->signals);
    free(s);
}

static struct spool *make_spool(const struct spool_settings *settings, struct error *error)
{
    struct spool *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(error, "out of memory");
        return NULL;
    }
    s->settings = *settings;
    s->settings.directory = NULL;
    s->folder.fd = s->lock_fd = s->active.fd = s->position_fd = s->reader.fd = -1;
    s->save_failures.interval = s->sync_failures.interval = failure_log_interval;
    pthread_mutex_init(&s->append_mutex, NULL);
    pthread_mutex_init(&s->state_mutex, NULL);
    pthread_mutex_init(&s->sync_mutex, NULL);
    if (signals_open(&s->signals))
        return s;
    error_set(error, "cannot make an event: %s", strerror(errno));
    free_spool(s);
    return NULL;
}

static bool start_syncing(struct spool *s, struct error *error)
{
    if (s->settings.sync == SPOOL_SYNC_NONE)
        return true;
    if (!spool_sync(s, error))
        return false;
    int rc = background_start(&s->background, "spool-sync", s->settings.sync_interval, spool_sync_task, s);
    return rc == 0 || error_set(error, "cannot start a thread: %s", strerror(rc));
}

struct spool *spool_open(const struct spool_settings *settings, struct error *error)
{
    struct spool *s = make_spool(settings, error);
    if (!s)
        return NULL;
    ignore_file_size_signal();
    if (!folder_open(&s->folder, settings->directory, true, error))
        s->folder = (struct folder){.fd = -1};
    else if (folder_lock(&s->folder, &s->lock_fd, error) && spool_recover(s, error)) {
        folder_sign_lock(s->lock_fd);
        if (start_syncing(s, error))
            return s;
    }
    free_spool(s);
    return NULL;
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    bool syncs = s->settings.sync != SPOOL_SYNC_NONE;
    struct error error;
    spool_save(s);
    if (syncs)
        background_stop(&s->background);
    if (syncs && spool_sync(s, &error))
        spool_save_clean(s);
    else if (syncs)
        log_error(spool_sync_failed, "%s", error.text);
    free_spool(s);
}

const char *spool_uuid(const struct spool *s)
{
    return s->uuid_text;
}

bool spool_lost_power(const struct spool *s)
{
    return s->lost_power;
}

void spool_get_stats(struct spool *s, struct spool_stats *stats)
{
    /* Settled before received: a message is counted as received before it can be settled, so the difference
     * is never negative. */
    *stats = (struct spool_stats){
        .delivered = atomic_load(&s->delivered),
        .dead = atomic_load(&s->dead),
        .position = atomic_load(&s->position),
        .in_flight = atomic_load(&s->in_flight),
        .bytes = atomic_load(&s->bytes),
        .max_bytes = s->settings.max_bytes,
    };
    stats->received = atomic_load(&s->received);
    stats->next_id = atomic_load(&s->next_id);
    stats->spooled = stats->received - stats->delivered - stats->dead;
    /* A delivery may have come between the two. */
    if (stats->in_flight > stats->spooled)
        stats->in_flight = stats->spooled;
    if (stats->spooled > 0) {
        int64_t oldest = atomic_load(&s->oldest_time);
        stats->oldest_time = oldest ? oldest : atomic_load(&s->waiting_time);
    }
}
