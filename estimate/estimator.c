#include "estimator.h"

#include "intake.h"
#include "outlet.h"
#include "pages.h"
#include "record.h"

#include "core/backoff.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/failpoint.h"
#include "core/log.h"
#include "core/notify.h"
#include "core/stop.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* Of one transaction: a few hundred kilobytes. */
enum { RECORDS_MAX = 1000 };

static const int64_t idle_time = SECOND, /* the longest wait, after which the service manager is notified */
    stop_time = 5 * SECOND,              /* for the transaction under way */
    notice_interval = 10 * SECOND;

enum state {
    STATE_INIT,    /* the producer is new */
    STATE_BEGIN,   /* ask for what is committed, and begin there */
    STATE_READ,    /* no transaction is open */
    STATE_OFFSETS, /* the records are handed over: add the offsets to the transaction */
    STATE_COMMIT,
};

struct estimator {
    const struct estimate_settings *settings;
    struct outlet *outlet;
    struct intake *intake;
    struct pages *pages;          /* NULL: nobody wants them */
    struct figures figures, next; /* next: as they are once the transaction is committed */
    enum state state;
    bool failed;
    int64_t wait; /* ns to wait before the next step; 0: none */
    struct backoff backoff;
    struct log_limit troubles;
    int64_t next_notice;
};

/* ---- what goes wrong ---- */

/* Something failed that may succeed later. */
static void fail(struct estimator *e, const char *what)
{
    e->wait = backoff_next(&e->backoff);
    snprintf(e->figures.trouble, sizeof e->figures.trouble, "%.*s", FIGURES_TROUBLE_SIZE - 1, what);
    e->figures.running = false;
    log_limited(&e->troubles, LOG_LEVEL_WARNING, kafka_unavailable, LOG_FIELDS(LOG_TEXT("reason", what)),
                "%s", what);
}

static void replace(struct estimator *e)
{
    struct error error;
    e->figures.producers_replaced++;
    e->state = STATE_INIT;
    if (outlet_replace(e->outlet, &error))
        return;
    log_error(start_failed, "%s", error.text);
    e->failed = true;
}

/* Handles the result of a call. True when it has succeeded; otherwise the call is repeated later, or all
 * begins again behind what is committed. */
static bool conclude(struct estimator *e, enum transaction_result result, const struct error *error)
{
    switch (result) {
    case TRANSACTION_DONE:
        return true;
    case TRANSACTION_BUSY:
        e->wait = backoff_next(&e->backoff);
        log_debug(transaction_failed, "%s; going on with it", error->text);
        return false;
    case TRANSACTION_FAILED:
        fail(e, error->text);
        return false;
    case TRANSACTION_FENCED:
        log_error_with(
            kafka_fenced, LOG_FIELDS(LOG_TEXT("id", e->settings->id)),
            "another program uses the id '%s' at this Kafka cluster and has fenced this one off (%s): give one of them another --id",
            e->settings->id, error->text);
        e->failed = true;
        return false;
    case TRANSACTION_ABORT:
    case TRANSACTION_REPLACE:
        fail(e, error->text);
        replace(e);
        return false;
    }
    return false;
}

/* ---- the steps ---- */

static void begin(struct estimator *e)
{
    struct error error;
    char time[RECORD_TIME_MAX];
    uint64_t seq;
    int64_t last;
    if (!intake_begin(e->intake, &seq, &last, &error)) {
        fail(e, error.text);
        return;
    }
    record_time(seq > 0 ? last : 0, e->figures.utc, time);
    log_info_with(estimating, LOG_FIELDS(LOG_NUMBER("seq", seq)),
                  seq > 0 ? "going on after record %" PRIu64 ", of %s"
                          : "reading from the beginning: there is no record yet",
                  seq, time);
    e->figures.seq = seq;
    e->figures.time = last;
    e->figures.running = true;
    *e->figures.trouble = '\0';
    backoff_reset(&e->backoff);
    e->state = STATE_READ;
}

/* Makes the record of a moment and hands it over. */
static enum transaction_result put(struct estimator *e, const struct moment *moment, struct error *error)
{
    const struct model *model = &e->settings->model;
    struct figures *next = &e->next;
    static char record[RECORD_MAX];
    const struct estimate estimate = estimate_of(model, moment);
    next->seq++;
    next->time = moment->time;
    next->utc = moment->utc;
    next->known = estimate.known;
    next->people = estimate.count;
    next->estimates++;
    next->with_old += estimate.known && estimate.old > 0;
    next->without += !estimate.known;
    size_t length = record_write(model, moment, &estimate, next->seq, record);
    return outlet_put(e->outlet, record, length, error);
}

/* Puts the moments that are complete into a transaction, if there are any. *due as join_next. */
static void estimate(struct estimator *e, int64_t *due)
{
    struct moment moment;
    struct error error;
    int64_t earliest = outlet_begun(e->outlet) + e->settings->transaction_interval;
    if (outlet_begun(e->outlet) && clock_monotonic() < earliest) {
        *due = earliest;
        return;
    }
    if (!intake_next(e->intake, &moment, due))
        return;
    e->next = e->figures;
    enum transaction_result result = outlet_begin(e->outlet, &error);
    /* This moment has left the intake, so all begins again if it cannot be handed over. */
    if (result == TRANSACTION_BUSY || result == TRANSACTION_FAILED)
        result = TRANSACTION_REPLACE;
    size_t count = 0;
    do
        result = result == TRANSACTION_DONE ? put(e, &moment, &error) : result;
    while (result == TRANSACTION_DONE && ++count < RECORDS_MAX && intake_next(e->intake, &moment, due));
    if (conclude(e, result, &error))
        e->state = STATE_OFFSETS;
}

static void read_and_estimate(struct estimator *e)
{
    struct error error = {""};
    int64_t due = INT64_MAX;
    enum intake_result result = intake_take(e->intake, &error);
    if (result == INTAKE_AGAIN) {
        fail(e, error.text);
        e->state = STATE_BEGIN;
        return;
    }
    estimate(e, &due);
    if (e->state != STATE_READ || e->wait > 0 || result == INTAKE_MORE)
        return;
    int64_t left = due - clock_monotonic();
    struct pollfd wait[] = {{.fd = stop_fd(), .events = POLLIN},
                            {.fd = intake_fd(e->intake), .events = POLLIN}};
    left = due == INT64_MAX || left > idle_time ? idle_time : left;
    if (left > 0)
        poll(wait, 2, (int)((left + MILLISECOND - 1) / MILLISECOND));
}

static void send_offsets(struct estimator *e, rd_kafka_topic_partition_list_t *offsets)
{
    struct error error;
    if (conclude(e, outlet_send_offsets(e->outlet, offsets, &error), &error))
        e->state = STATE_COMMIT;
}

static void commit(struct estimator *e)
{
    struct error error;
    FAILPOINT("before-commit");
    if (!conclude(e, outlet_commit(e->outlet, &error), &error))
        return;
    FAILPOINT("after-commit");
    log_debug(transaction_committed, "a transaction is committed, up to record %" PRIu64, e->next.seq);
    e->next.transactions++;
    e->next.running = true;
    *e->next.trouble = '\0';
    e->figures = e->next;
    backoff_reset(&e->backoff);
    e->state = STATE_READ;
}

static void step(struct estimator *e)
{
    struct error error;
    switch (e->state) {
    case STATE_INIT:
        if (conclude(e, outlet_init(e->outlet, &error), &error))
            e->state = STATE_BEGIN;
        break;
    case STATE_BEGIN:
        begin(e);
        break;
    case STATE_READ:
        read_and_estimate(e);
        if (e->state == STATE_OFFSETS)
            send_offsets(e, intake_offsets(e->intake, e->next.seq, e->next.time));
        break;
    case STATE_OFFSETS:
        send_offsets(e, NULL);
        break;
    case STATE_COMMIT:
        commit(e);
        break;
    }
}

/* ---- the program ---- */

static void tell_manager(struct estimator *e)
{
    int64_t now = clock_monotonic();
    struct error error;
    if (!notify_wanted())
        return;
    if (notify_watchdog())
        notify(&error, "WATCHDOG=1");
    if (now < e->next_notice)
        return;
    e->next_notice = now + notice_interval;
    notify(&error, "STATUS=%" PRIu64 " estimates since the start%s%s", e->figures.estimates,
           *e->figures.trouble ? ". " : "", e->figures.trouble);
}

static void show(struct estimator *e)
{
    intake_measure(e->intake);
    pages_show(e->pages, &e->figures);
    tell_manager(e);
}

/* Until it is asked to stop, and the transaction that is open then has ended. */
static void run(struct estimator *e)
{
    int64_t deadline = 0;
    while (!e->failed) {
        if (stop_requested() && deadline == 0)
            deadline = clock_monotonic() + stop_time;
        bool open = e->state == STATE_OFFSETS || e->state == STATE_COMMIT;
        if (deadline > 0 && (!open || clock_monotonic() >= deadline))
            break;
        e->wait = 0;
        step(e);
        show(e);
        if (e->wait > 0 && stop_wait(e->wait))
            poll(NULL, 0, 100); /* before the transaction that is open is tried again */
    }
}

static bool open_all(struct estimator *e, struct error *error)
{
    e->intake = intake_open(e->settings, &e->figures, error);
    if (e->intake)
        e->outlet = outlet_open(e->settings, error);
    if (e->outlet && e->settings->http.at)
        e->pages = pages_open(e->settings, error);
    return e->outlet && (e->pages || !e->settings->http.at);
}

static void close_all(struct estimator *e)
{
    pages_close(e->pages);
    if (e->outlet)
        outlet_close(e->outlet);
    if (e->intake)
        intake_close(e->intake);
}

int estimator_run(struct estimate_settings *settings)
{
    struct estimator e = {
        .settings = settings,
        .backoff = {.first = SECOND / 4, .longest = 5 * SECOND},
        .troubles = {.interval = 30 * SECOND},
    };
    struct error error;
    if (!open_all(&e, &error)) {
        log_error(start_failed, "%s", error.text);
        bool wrong_use = !e.outlet;
        close_all(&e);
        return wrong_use ? EXIT_WRONG_USE : EXIT_FAILED;
    }
    log_info(model_loaded, "the model is %s",
             *settings->model.source ? settings->model.source : "one that does not say where it is from");
    notify(&error, "READY=1");
    run(&e);
    notify(&error, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64, 30 * SECOND / MICROSECOND);
    log_info_with(
        estimated,
        LOG_FIELDS(LOG_NUMBER("readings", e.figures.readings), LOG_NUMBER("records", e.figures.estimates)),
        "wrote %" PRIu64 " records from %" PRIu64 " readings since the start", e.figures.estimates,
        e.figures.readings);
    close_all(&e);
    return e.failed ? EXIT_FAILED : EXIT_DONE;
}
