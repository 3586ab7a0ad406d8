#include "publisher.h"

#include "broker.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/progress.h"
#include "core/stop.h"
#include "message.h"
#include "outbox.h"
#include "pace.h"
#include "replay.h"
#include "resume.h"
#include "summary.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A message is late when it is sent so long after it was due: less is what any machine does. */
static const int64_t late_after = 100 * MILLISECOND;

/* How soon to try again what the library had no room for: it does not say when it has room. */
static const int64_t retry_interval = 5 * MILLISECOND;

static const int64_t close_timeout = 5 * SECOND;

struct publisher {
    const struct publish_settings *settings;
    struct replay *replay;
    struct resume resume;
    struct message_writer *writer;
    struct broker *broker;
    struct outbox *outbox;
    struct pace pace;
    struct progress progress;
    uint64_t late;
    uint64_t number; /* of the last message that was sent, now or by a process before */
    int64_t start;   /* of publishing, monotonic ns */
    bool ended;      /* the replay has no more messages */
    bool stop_seen;  /* from then on the stop descriptor, which stays readable, is not waited for */
};

/* ---- waiting ---- */

static void show_progress(struct publisher *p, int64_t now)
{
    const struct progress_state state = {
        .rows = replay_rows(p->replay),
        .messages = outbox_sent(p->outbox),
        .limit = (uint64_t)p->settings->replay.settings.limit,
        .part = replay_part(p->replay),
        .loop = p->settings->replay.settings.loops == 1 ? 0 : replay_mark(p->replay)->loop + 1,
        .in_flight = outbox_pending(p->outbox),
    };
    progress_show(&p->progress, &state, now);
}

/* Whether reading and sending must end early. */
static bool interrupted(const struct publisher *p)
{
    return stop_requested() || p->resume.failed || (p->broker && broker_failed(p->broker));
}

/* Sleeps until the outbox calls, `fd` (unless -1) is readable, stopping is asked for (unless drain has seen
 * it), or `deadline`, in monotonic ns. May return early. True when fd is readable. */
static bool sleep_until(struct publisher *p, int64_t deadline, int fd)
{
    struct pollfd wait[] = {
        {.fd = p->outbox ? outbox_fd(p->outbox) : -1, .events = POLLIN},
        {.fd = p->stop_seen ? -1 : stop_fd(), .events = POLLIN},
        {.fd = fd, .events = POLLIN},
    };
    int64_t due = progress_due(&p->progress), now = clock_monotonic(),
            until = deadline < due ? deadline : due, left = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    int ready = ppoll(wait, 3, until == INT64_MAX ? NULL : &timeout, NULL);
    now = clock_monotonic();
    if (now >= due)
        show_progress(p, now);
    return ready > 0 && wait[2].revents;
}

/* Sends what is to be sent and returns when to try again: never, where all is sent or the outbox calls; soon,
 * where the library had no room. */
static int64_t flush(struct publisher *p)
{
    if (!p->outbox || outbox_flush(p->outbox) || !broker_connected(p->broker))
        return INT64_MAX;
    return clock_monotonic() + retry_interval;
}

/* Every wait below arms the outbox, then checks what it waits for, then sleeps: so nothing is missed in
 * between. */

static bool wait_for_broker(struct publisher *p)
{
    for (;;) {
        outbox_disarm(p->outbox);
        if (interrupted(p))
            return false;
        if (broker_connected(p->broker))
            return true;
        sleep_until(p, INT64_MAX, -1);
    }
}

/* How many messages are left in flight when a full window is filled again. A few at once spare wake-ups. With
 * many, both sides may wait: a broker that collects small packets (Nagle's algorithm) holds back its
 * acknowledgements until something is sent to it. */
static size_t refill_at(size_t limit)
{
    return limit - (limit < 16 ? 1 : limit / 8);
}

/* Keeps what has arrived. */
static bool save(struct publisher *p)
{
    return resume_save(&p->resume, outbox_done_through(p->outbox), replay_mark(p->replay), clock_monotonic());
}

static struct outbox_message *free_slot(struct publisher *p)
{
    struct outbox_message *slot = outbox_slot(p->outbox);
    return slot && save(p) ? slot : NULL;
}

/* Waits for a free slot in the window; NULL when interrupted. */
static struct outbox_message *wait_for_slot(struct publisher *p)
{
    struct outbox_message *slot = free_slot(p);
    while (!slot) {
        size_t enough = refill_at(outbox_limit(p->outbox)), pending = outbox_pending(p->outbox);
        outbox_arm(p->outbox, pending > enough ? enough : pending > 0 ? pending - 1 : 0);
        int64_t retry = flush(p);
        if ((slot = free_slot(p)))
            break;
        if (interrupted(p))
            return NULL;
        if (pending == 0)
            retry = clock_monotonic() + retry_interval;
        sleep_until(p, retry, -1);
    }
    return slot;
}

/* Waits until the message is due, sending again meanwhile what the broker forgot. False when interrupted. */
static bool wait_until_due(struct publisher *p, int64_t due)
{
    while (clock_monotonic() < due) {
        outbox_disarm(p->outbox);
        int64_t retry = flush(p);
        if (interrupted(p))
            return false;
        sleep_until(p, retry < due ? retry : due, -1);
    }
    return true;
}

/* Waits until all messages are with the library. False when interrupted. */
static bool send_all(struct publisher *p)
{
    while (!outbox_flush(p->outbox)) {
        outbox_arm(p->outbox, outbox_pending(p->outbox) / 2);
        int64_t retry = flush(p);
        if (interrupted(p))
            return false;
        sleep_until(p, retry, -1);
    }
    return true;
}

/* Waits until every message is acknowledged: without limit, but once stopping was asked for, or with `hurry`,
 * no longer than the drain timeout. */
static void drain(struct publisher *p, bool hurry)
{
    int64_t deadline = INT64_MAX;
    for (;;) {
        outbox_arm(p->outbox, 0);
        int64_t retry = flush(p), now = clock_monotonic();
        p->stop_seen = stop_requested();
        if ((hurry || p->stop_seen) && deadline == INT64_MAX)
            deadline = now + p->settings->drain_timeout;
        save(p);
        bool all = outbox_empty(p->outbox), kept = resume_reached(&p->resume, p->number);
        if ((all && kept) || broker_failed(p->broker) || now >= deadline)
            return;
        if (all)
            retry = now + retry_interval;
        sleep_until(p, retry < deadline ? retry : deadline, -1);
    }
}

/* ---- reading and sending ---- */

/* The input_ready. While a pipe has nothing, what the broker forgot is sent again; once interrupted, it is as
 * if the file ended. */
static bool wait_for_input(void *context, int fd)
{
    struct publisher *p = context;
    bool readable = fd < 0;
    while (!readable) {
        if (p->outbox)
            outbox_disarm(p->outbox);
        int64_t retry = flush(p);
        if (interrupted(p))
            return false;
        readable = sleep_until(p, retry, fd);
    }
    return !interrupted(p);
}

/* Sees one message to the library in time. False when interrupted. */
static bool publish_message(struct publisher *p, const struct replay_message *message)
{
    struct outbox_message *slot = wait_for_slot(p);
    if (!slot)
        return false;
    int64_t now = clock_monotonic(), due = pace_next(&p->pace, message->number, message->timeline, now);
    slot->column = message->message.column;
    slot->fault = message->fault;
    slot->missing = message->missing;
    slot->number = message->number;
    slot->length = message_write(p->writer, &message->message, slot->payload);
    if (due > now && !wait_until_due(p, due))
        return false;
    outbox_add(p->outbox);
    if (!send_all(p))
        return false;
    if (p->settings->replay.pace.mode != PACE_FAST && clock_monotonic() - due > late_after)
        p->late++;
    if (now >= progress_due(&p->progress))
        show_progress(p, now);
    return true;
}

/* At the end of the replay: false where there were rows and not one could be read; that is logged then. */
static bool check_rows(const struct publisher *p)
{
    uint64_t bad = replay_bad_rows(p->replay);
    if (replay_rows(p->replay) > 0 || bad == 0)
        return true;
    log_error(input_failed, "%s: not one of its %" PRIu64 " rows can be read: the warnings above say why",
              replay_file(p->replay), bad);
    return false;
}

/* False when the file is wrong: that has been logged. */
static bool publish_all(struct publisher *p)
{
    int64_t base = p->settings->replay.restamp ? clock_realtime() : REPLAY_AS_RECORDED;
    const struct replay_mark beginning = resume_mark(&p->resume, base);
    struct replay_message message;
    struct error error;
    replay_begin(p->replay, &beginning);
    for (;;) {
        enum replay_result result = replay_next(p->replay, &message, &error);
        if (interrupted(p))
            return true; /* what was read then may be cut off */
        if (result == REPLAY_FAILED)
            log_error(input_failed, "%s", error.text);
        if (result != REPLAY_MESSAGE)
            return (p->ended = result == REPLAY_END && check_rows(p));
        if (!resume_has(&p->resume, message.number) && !publish_message(p, &message))
            return true;
        p->number = message.number;
    }
}

/* ---- life ---- */

static void log_plan(const struct publisher *p, const struct mqtt_settings *mqtt)
{
    const struct publish_settings *settings = p->settings;
    char pace[64] = "as fast as it goes";
    if (settings->replay.pace.mode == PACE_RATE)
        snprintf(pace, sizeof pace, "at %.15g messages/s", settings->replay.pace.rate);
    if (settings->replay.pace.mode == PACE_RECORDED)
        snprintf(pace, sizeof pace, "at %.15g times the recorded speed", settings->replay.pace.speed);
    log_info_with(replay_started,
                  LOG_FIELDS(LOG_TEXT("file", replay_file(p->replay)), LOG_TEXT("topic", settings->topic)),
                  "replaying %s to the topic '%s' %s", replay_file(p->replay), settings->topic, pace);
    if (fault_settings_any(&settings->replay.settings.faults) && mqtt->version != MQTT_VERSION_5)
        log_warning(faults_unmarked,
                    "the simulated faults are not marked: MQTT 3.1.1 has no user properties");
}

/* Publishes the file and waits for the acknowledgements. Returns the exit status. */
static int run(struct publisher *p)
{
    bool good = true;
    if (wait_for_broker(p)) {
        p->start = clock_monotonic();
        progress_start(&p->progress, p->start);
        pace_init(&p->pace, &p->settings->replay.pace);
        good = publish_all(p);
        drain(p, !good);
        if (p->ended && outbox_empty(p->outbox) && resume_reached(&p->resume, p->number))
            resume_complete(&p->resume);
    }
    return good && !p->resume.failed && !broker_failed(p->broker) ? EXIT_DONE : EXIT_FAILED;
}

static int finish(struct publisher *p, int status)
{
    struct error error;
    const struct summary summary = {
        .published = outbox_sent(p->outbox),
        .acknowledged = outbox_finished(p->outbox),
        .qos = (int)p->settings->qos,
        .resent = outbox_resent(p->outbox),
        .rows = replay_rows(p->replay),
        .bad_rows = replay_bad_rows(p->replay),
        .late = p->late,
        .faults = p->settings->replay.fault_texts.count > 0 ? replay_faults(p->replay) : NULL,
        .duration = p->start ? clock_monotonic() - p->start : 0,
    };
    progress_end(&p->progress);
    if (summary.acknowledged < summary.published) {
        log_error_with(
            unacknowledged, LOG_FIELDS(LOG_NUMBER("messages", summary.published - summary.acknowledged)),
            "%" PRIu64 " published messages are not acknowledged", summary.published - summary.acknowledged);
        status = EXIT_FAILED;
    }
    summary_log(&summary);
    if (p->settings->replay.summary && !summary_write(&summary, p->settings->replay.summary, &error)) {
        log_error(summary_not_written, "%s", error.text);
        status = EXIT_FAILED;
    }
    return status;
}

static bool prepare(struct publisher *p, const struct mqtt_settings *mqtt, struct error *error)
{
    const struct publish_settings *settings = p->settings;
    enum message_format format = (enum message_format)settings->format;
    p->writer = message_writer_new(format, settings->sensor, settings->unit, &settings->replay.columns);
    if (!p->writer)
        return error_set(error, "out of memory");
    int64_t base = settings->replay.restamp ? clock_realtime() : REPLAY_AS_RECORDED;
    char *description = settings_describe_replay(mqtt, p->replay);
    bool open = description ? resume_open(&p->resume, settings->replay.resume, description, base, error)
                            : error_set(error, "out of memory");
    free(description);
    if (!open)
        message_writer_free(p->writer);
    return open;
}

/* From the connection's beginning to its end. Returns the exit status. */
static int publish(struct publisher *p, const char *program, const struct mqtt_settings *mqtt)
{
    struct error error;
    log_plan(p, mqtt);
    p->broker = broker_open(program, p->settings, mqtt, message_writer_max(p->writer), &error);
    if (!p->broker) {
        log_error(start_failed, "%s", error.text);
        return EXIT_FAILED;
    }
    p->outbox = broker_outbox(p->broker);
    int status = finish(p, run(p));
    if (!broker_close(p->broker, close_timeout))
        _exit(status); /* callbacks may still come: they need the rest, and what exit handlers would free */
    return status;
}

int publisher_run(const char *program, const struct publish_settings *settings,
                  const struct mqtt_settings *mqtt, const struct log_settings *log)
{
    struct publisher p = {.settings = settings};
    struct error error;
    progress_init(&p.progress, settings->replay.quiet, log->format == LOG_FORMAT_TEXT);
    p.replay = replay_open(&settings->replay.settings, wait_for_input, &p, &error);
    if (!p.replay) {
        if (stop_requested())
            return EXIT_DONE; /* while it waited for the header */
        log_error(start_failed, "%s", error.text);
        return EXIT_FAILED;
    }
    int status = EXIT_FAILED;
    if (prepare(&p, mqtt, &error)) {
        status = resume_is_complete(&p.resume) ? EXIT_DONE : publish(&p, program, mqtt);
        if (!resume_close(&p.resume))
            status = EXIT_FAILED;
        message_writer_free(p.writer);
    } else {
        log_error(start_failed, "%s", error.text);
    }
    replay_close(p.replay);
    return status;
}
