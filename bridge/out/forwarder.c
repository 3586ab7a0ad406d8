#include "forwarder.h"

#include "at_least_once.h"
#include "core/clock.h"
#include "core/out_of_memory.h"
#include "core/stop.h"
#include "exactly_once.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A pass is followed by a pause, the longer the more messages it forwarded, so that under load the next one
 * carries many. It pays where messages come faster than one in pause_per_message: below, a message hardly
 * waits for it. */
static const int64_t longest_pause = 5 * MILLISECOND, pause_per_message = 30 * MICROSECOND;

/* When nothing was forwarded although there is work. */
static const int64_t retry_pause = 2 * MILLISECOND;

/* With messages in flight, how long their delivery reports may wait to be served; without, how long
 * housekeeping may. */
static const int64_t report_interval = 20 * MILLISECOND, idle_interval = 1 * SECOND;

/* At the end, how long the last delivery reports may take. Without them a message that Kafka has would be
 * sent once more by the next start. */
static const int64_t report_patience = 1 * SECOND;

/* A longer sleep consists of several, so that a request to stop is noticed. */
static const int64_t longest_nap = 500 * MILLISECOND;

struct forwarder {
    struct spool *spool;
    struct delivery *delivery;
    pthread_t thread;
    atomic_bool failed;
    _Atomic uint64_t beat; /* passes begun and naps done */
    atomic_bool stopping;
    _Atomic int64_t deadline; /* monotonic ns: when draining ends */
};

uint64_t forwarder_beat(const struct forwarder *f)
{
    return atomic_load(&f->beat);
}

bool forwarder_failed(const struct forwarder *f)
{
    return atomic_load(&f->failed);
}

/* Sleeps for `ns`, whatever is appended, but not beyond the end of draining. */
static void sleep_for(struct forwarder *f, int64_t ns)
{
    int64_t end = clock_monotonic() + ns, now;
    while ((now = clock_monotonic()) < end &&
           !(atomic_load(&f->stopping) && now >= atomic_load(&f->deadline))) {
        int64_t left = end - now < longest_nap ? end - now : longest_nap;
        struct timespec wait = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
        nanosleep(&wait, NULL);
        atomic_fetch_add(&f->beat, 1);
    }
}

static bool finished(const struct forwarder *f)
{
    struct spool_stats stats;
    if (!atomic_load(&f->stopping))
        return false;
    spool_get_stats(f->spool, &stats);
    return stats.spooled == 0 || clock_monotonic() >= atomic_load(&f->deadline);
}

static int64_t pause_after(const struct pass *done)
{
    int64_t pause = (int64_t)done->forwarded * pause_per_message;
    return pause == 0 ? retry_pause : pause < longest_pause ? pause : longest_pause;
}

static void *run(void *context)
{
    struct forwarder *f = context;
    pthread_setname_np(pthread_self(), "forwarder"); /* for top -H and debuggers */
    while (!finished(f)) {
        uint64_t seen = spool_next_id(f->spool);
        atomic_fetch_add(&f->beat, 1);
        struct pass done = f->delivery->way->pass(f->delivery);
        if (done.failed) {
            atomic_store(&f->failed, true);
            stop_request();
            break;
        }
        if (done.wait > 0)
            sleep_for(f, done.wait);
        else if (done.more && done.forwarded == 0 && done.in_flight > 0)
            delivery_await_reports(f->delivery, report_interval);
        else if (done.forwarded > 0 || done.more)
            sleep_for(f, pause_after(&done));
        else
            spool_wait(f->spool, seen, done.in_flight ? report_interval : idle_interval);
    }
    delivery_finish(f->delivery, report_patience);
    return NULL;
}

struct forwarder *forwarder_open(const struct bridge_settings *settings, struct spool *spool,
                                 struct dead_letters *letters, struct counters *counters, struct error *error)
{
    struct forwarder *f = calloc(1, sizeof *f);
    if (!f)
        out_of_memory(sizeof *f);
    f->spool = spool;
    f->delivery = settings->delivery == EXACTLY_ONCE
                      ? exactly_once_open(settings, spool, letters, counters, error)
                      : at_least_once_open(settings, spool, letters, counters, error);
    if (f->delivery) {
        int rc = pthread_create(&f->thread, NULL, run, f);
        if (rc == 0)
            return f;
        error_set(error, "cannot start a thread: %s", strerror(rc));
        delivery_close(f->delivery);
    }
    free(f);
    return NULL;
}

void forwarder_stop(struct forwarder *f, int64_t timeout)
{
    atomic_store(&f->deadline, clock_monotonic() + timeout);
    atomic_store(&f->stopping, true);
    spool_wake(f->spool);
    pthread_join(f->thread, NULL);
}

void forwarder_close(struct forwarder *f)
{
    delivery_close(f->delivery);
    free(f);
}
