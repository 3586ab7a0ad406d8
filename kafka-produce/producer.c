#include "producer.h"

#include "core/backoff.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/progress.h"
#include "core/stop.h"
#include "delivery.h"
#include "input.h"
#include "kafka/topic.h"

#include <inttypes.h>
#include <unistd.h>

enum {
    LINES_A_POLL = 256,
    LONGEST_JSON = 6, /* bytes of JSON for a byte of the message at most: \\u0000 */
};
static const int64_t tick = SECOND / 10; /* how long anything waits before the rest gets its turn */
/* Without input for so long, what is in flight does not wait for more. */
static const int64_t pause_time = 5 * MILLISECOND;

struct producer {
    const struct produce_settings *settings;
    struct delivery delivery;
    struct input input;
    struct progress progress;
    int64_t start;   /* monotonic ns */
    int64_t give_up; /* monotonic ns: what is in flight then is given up; INT64_MAX: never */
    bool failed;
};

static void fail(struct producer *p, const char *event, const char *message)
{
    log_write(LOG_LEVEL_ERROR, event, LOG_NO_FIELDS, "%s", message);
    p->failed = true;
}

/* ---- before the first line ---- */

/* Waits for Kafka and makes sure that the topic exists. Nothing is read before that, so nothing is lost. */
static bool prepare_topic(struct producer *p)
{
    struct backoff backoff = {.first = SECOND / 4, .longest = 5 * SECOND};
    int64_t limit = p->delivery.time_limit, deadline = limit ? clock_monotonic() + limit : INT64_MAX;
    struct error error;
    enum kafka_topic_result result;
    bool said = false;
    while ((result = kafka_topic_ensure(p->delivery.rk, &p->settings->kafka, &p->settings->topic, SECOND,
                                        &error)) == KAFKA_TOPIC_LATER) {
        if (clock_monotonic() >= deadline)
            break;
        if (!said)
            log_warning_with(kafka_unavailable, LOG_FIELDS(LOG_TEXT("reason", error.text)),
                             "waiting for Kafka: %s", error.text);
        said = true;
        if (stop_wait(backoff_next(&backoff)))
            return false;
    }
    if (result == KAFKA_TOPIC_READY)
        return true;
    log_error_with(kafka_unavailable, LOG_FIELDS(LOG_TEXT("reason", error.text)), "%s; nothing was read",
                   error.text);
    p->failed = true;
    return false;
}

/* ---- progress ---- */

/* Shows the progress where that is due. */
static void show_progress(struct producer *p)
{
    int64_t now = clock_monotonic();
    if (now < progress_due(&p->progress))
        return;
    const struct progress_state state = {
        .messages = p->delivery.delivered,
        .part = input_part(&p->input),
        .in_flight = (size_t)p->delivery.in_flight,
    };
    progress_show(&p->progress, &state, now);
}

/* ---- sending ---- */

/* Once a stop is requested, what is in flight has limited time. */
static bool is_time_left(struct producer *p)
{
    if (stop_requested() && p->give_up == INT64_MAX)
        p->give_up = clock_monotonic() + p->settings->drain_timeout;
    return clock_monotonic() < p->give_up;
}

static void refuse(struct producer *p, struct error *error)
{
    error_set(error, "not sent: %s", error->text);
    delivery_fail(&p->delivery, p->input.number, error->text);
}

static void send_text(struct producer *p, const char *text, size_t length)
{
    struct message message;
    struct error error;
    if (!message_read(&p->settings->format, text, length, &message, &error)) {
        refuse(p, &error);
        return;
    }
    while (!delivery_send(&p->delivery, p->input.number, &message)) {
        if (!is_time_left(p)) {
            delivery_give_up(&p->delivery);
            continue;
        }
        uint64_t in_flight = p->delivery.in_flight;
        delivery_poll(&p->delivery, pause_time);
        if (p->delivery.in_flight == in_flight)
            delivery_flush(&p->delivery, tick); /* the queue may be full and still wait for more */
        show_progress(p);
    }
}

/* Handles what input_next returned. False when there will be no more. */
static bool take(struct producer *p, enum lines_result result, const char *text, size_t length,
                 struct error *error)
{
    switch (result) {
    case LINES_ONE:
        send_text(p, text, length);
        return true;
    case LINES_TOO_LONG:
        delivery_refuse(&p->delivery, p->input.number, length);
        return true;
    case LINES_UNREADABLE:
        refuse(p, error);
        return true;
    case LINES_WAITING:
        return true;
    case LINES_FAILED:
        fail(p, LOG_EVENT(input_failed), error->text);
        return false;
    case LINES_STOPPED:
    case LINES_END:
    default:
        return false;
    }
}

static void tell_interruption(struct producer *p)
{
    bool files = p->settings->files.count > 0;
    log_warning(interrupted, "interrupted after %s %" PRIu64 ": %s after it is not sent",
                p->input.whole ? "file" : "line", p->input.number,
                files ? "what comes" : "what was read of the input");
    p->failed = p->failed || files;
}

static void send_all(struct producer *p)
{
    struct error error;
    const char *text = NULL;
    size_t length = 0;
    bool more = true, flushed = true;
    for (unsigned count = 1; more; count++) {
        flushed = flushed && !delivery_isolates(&p->delivery);
        enum lines_result result = input_next(&p->input, flushed ? tick : pause_time, &text, &length, &error);
        more = take(p, result, text, length, &error) && !stop_requested();
        if (result == LINES_WAITING) {
            if (!flushed)
                delivery_flush(&p->delivery, pause_time);
            failures_log(&p->delivery.failures);
        }
        flushed = result == LINES_WAITING;
        if (result == LINES_WAITING || count % LINES_A_POLL == 0) {
            delivery_poll(&p->delivery, 0);
            show_progress(p);
            if (delivery_fatal(&p->delivery, &error)) {
                fail(p, LOG_EVENT(kafka_failed), error.text);
                more = false;
            }
        }
    }
    if (stop_requested() && input_left(&p->input))
        tell_interruption(p);
}

/* Waits for all delivery reports; each message has one within message.timeout.ms. */
static void drain(struct producer *p)
{
    while (p->delivery.in_flight > 0) {
        if (is_time_left(p)) {
            delivery_flush(&p->delivery, tick);
            show_progress(p);
        } else
            delivery_give_up(&p->delivery);
    }
    progress_end(&p->progress);
    failures_log(&p->delivery.failures);
}

static void tell_summary(const struct producer *p)
{
    const struct delivery *d = &p->delivery;
    int64_t duration = clock_monotonic() - p->start;
    log_info_with(delivered,
                  LOG_FIELDS(LOG_NUMBER("delivered", d->delivered), LOG_NUMBER("lines", p->input.number),
                             LOG_NUMBER("duration_ms", duration / MILLISECOND)),
                  "delivered %" PRIu64 " of %" PRIu64 " %s in %.3f s%s", d->delivered, p->input.number,
                  p->input.whole ? "files" : "lines", (double)duration / SECOND,
                  d->failed ? ", the others not" : "");
}

/* A bar would spoil what is being typed. */
static void begin_progress(struct producer *p)
{
    const struct produce_settings *settings = p->settings;
    bool quiet = settings->quiet || (settings->files.count == 0 && isatty(STDIN_FILENO));
    progress_init(&p->progress, quiet, settings->log.format == LOG_FORMAT_TEXT);
    progress_start(&p->progress, clock_monotonic());
}

static int run(struct producer *p)
{
    const struct produce_settings *settings = p->settings;
    size_t longest = (size_t)p->delivery.longest * (settings->format.json ? LONGEST_JSON : 1);
    struct error error;
    if (!input_open(&p->input, settings, longest, &error))
        fail(p, LOG_EVENT(start_failed), error.text);
    else if (prepare_topic(p)) {
        p->delivery.failures.names = p->input.whole ? settings->files.items : NULL;
        begin_progress(p);
        send_all(p);
        drain(p);
        tell_summary(p);
    }
    input_close(&p->input);
    return p->failed || p->delivery.failed > 0 ? EXIT_FAILED : EXIT_DONE;
}

int producer_run(const struct produce_settings *settings)
{
    struct producer producer = {.settings = settings, .start = clock_monotonic(), .give_up = INT64_MAX};
    struct error error;
    int status = EXIT_WRONG_USE;
    if (delivery_open(&producer.delivery, settings, &error))
        status = run(&producer);
    else
        log_error(start_failed, "%s", error.text);
    delivery_close(&producer.delivery);
    return status;
}
