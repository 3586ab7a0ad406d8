#include "downlink.h"

#include "consumer.h"
#include "flights.h"
#include "pages.h"

#include "core/clock.h"
#include "core/event.h"
#include "core/exit_status.h"
#include "core/notify.h"
#include "core/stop.h"
#include "kafka/dead_letter_topic.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_MS = 50, IDLE_MS = 500, SETTLE_MS = 20 };
static const int64_t commit_interval = 200 * MILLISECOND, show_interval = 100 * MILLISECOND,
                     tick_interval = SECOND, notice_interval = 10 * SECOND;

struct downlink {
    const struct downlink_settings *settings;
    int event; /* raised when something came from Kafka or from the MQTT broker */
    struct letters *letters;
    struct dead_letter_topic *announcer; /* NULL: dead letters are announced nowhere */
    struct consumer *consumer;
    struct partitions *partitions; /* the consumer's */
    struct sender *sender;
    struct flights flights;
    struct pages *pages; /* NULL: nobody wants them */
    struct counts counts;
    bool letters_done; /* all that were put back are settled */
    bool joined, failed;
    int64_t next_commit, next_show, next_tick, next_notice; /* monotonic ns */
};

/* ---- steps ---- */

/* Is it still the connection that this step began with? On a new one, messages that came back go first. */
static bool may_send(const struct downlink *d, uint64_t connects)
{
    return sender_is_connected(d->sender) && sender_connects(d->sender) == connects &&
           clock_monotonic() >= d->flights.pause && flights_have_room(&d->flights);
}

/* Nothing is read from Kafka before the MQTT broker is connected. Retried dead letters go first. */
static bool may_take(struct downlink *d)
{
    struct error error;
    if (!d->letters_done && d->flights.count == 0) {
        d->letters_done = !flights_start_letter(&d->flights);
        event_raise(d->event); /* it may have its outcome already: then the next follows at once */
    }
    if (!d->letters_done || d->joined)
        return d->letters_done;
    d->joined = consumer_join(d->consumer, &error);
    if (!d->joined) {
        log_error(kafka_failed, "%s", error.text);
        d->failed = true;
    }
    return d->joined;
}

static void take(struct downlink *d, uint64_t connects)
{
    struct place *place;
    rd_kafka_message_t *message;
    if (!may_send(d, connects) || !may_take(d))
        return;
    size_t open = partitions_open(d->partitions), window = (size_t)d->settings->window;
    for (; open < window && may_send(d, connects); open++) {
        message = partitions_take(d->partitions, &place);
        if (!message)
            return;
        flights_start(&d->flights, place, message);
    }
}

static void commit(struct downlink *d, int64_t now)
{
    if (now < d->next_commit && partitions_waiting(d->partitions) < (size_t)d->settings->window / 2)
        return;
    d->next_commit = now + commit_interval;
    partitions_commit(d->partitions);
}

/* Is there work that no event will announce? */
static bool is_busy(const struct downlink *d)
{
    return d->flights.held || d->flights.refused || d->flights.pause > clock_monotonic() ||
           partitions_open(d->partitions) > 0;
}

static void wait_for_event(const struct downlink *d, int ms)
{
    struct pollfd events[] = {{.fd = d->event, .events = POLLIN}, {.fd = stop_fd(), .events = POLLIN}};
    poll(events, stop_requested() ? 1 : 2, ms);
    event_clear(d->event);
}

/* ---- its state, for others ---- */

static struct view take_view(struct downlink *d, int64_t now)
{
    struct consumer_state kafka = consumer_state(d->consumer);
    struct view view = {
        .time = now,
        .counts = d->counts,
        .dead_letters = letters_count(d->letters),
        .announced = dead_letter_topic_counts(d->announcer),
        .mqtt = sender_is_connected(d->sender) ? "connected"
                : d->counts.mqtt_connects      ? "disconnected"
                                               : "connecting",
        .kafka = d->joined ? kafka.name : "waiting for MQTT",
        .dead_letter_waits = d->flights.refused != NULL,
        .partitions = calloc(d->partitions->count + 1, sizeof *view.partitions),
        .latency_sum = atomic_load_explicit(&d->flights.latency.sum, memory_order_relaxed) / SECOND,
    };
    snprintf(view.kafka_trouble, sizeof view.kafka_trouble, "%s", kafka.trouble);
    histogram_read(&d->flights.latency, view.latency);
    for (size_t i = 0; view.partitions && i < d->partitions->count; i++)
        if (d->partitions->items[i]->assigned)
            view.partitions[view.partition_count++] = partitions_view(d->partitions->items[i]);
    return view;
}

static void show(struct downlink *d, int64_t now)
{
    if (!d->pages || now < d->next_show)
        return;
    d->next_show = now + show_interval;
    d->counts.mqtt_connects = sender_connects(d->sender);
    const struct view view = take_view(d, now);
    pages_show(d->pages, &view);
}

/* The service manager learns how it is, and that the main thread moves. */
static void tell_manager(struct downlink *d, int64_t now)
{
    struct error error;
    if (!notify_wanted())
        return;
    if (notify_watchdog())
        notify(&error, "WATCHDOG=1");
    if (now < d->next_notice)
        return;
    d->next_notice = now + notice_interval;
    notify(&error, "STATUS=MQTT %s. Sent %" PRIu64 ", dead letters %" PRIu64,
           sender_is_connected(d->sender) ? "connected" : "away", d->counts.sent, letters_count(d->letters));
}

static void tick(struct downlink *d, uint64_t connects, int64_t now)
{
    show(d, now);
    if (now < d->next_tick)
        return;
    d->next_tick = now + tick_interval;
    partitions_tick(d->partitions);
    flights_again(&d->flights, connects);
    tell_manager(d, now);
}

/* ---- the run ---- */

static void step(struct downlink *d)
{
    uint64_t connects = sender_connects(d->sender);
    flights_settle(&d->flights);
    partitions_rewind(d->partitions);
    consumer_serve(d->consumer);
    partitions_place(d->partitions);
    if (d->flights.held)
        flights_again(&d->flights, connects);
    if (!stop_requested())
        take(d, connects);
    int64_t now = clock_monotonic();
    commit(d, now);
    tick(d, connects, now);
    d->failed = d->failed || sender_has_failed(d->sender) || consumer_has_failed(d->consumer);
}

/* For the consumer, when partitions go to another member. Messages that come back meanwhile are that
 * member's. */
static void settle(void *context, int64_t ns)
{
    struct downlink *d = context;
    int64_t deadline = clock_monotonic() + ns;
    while (d->flights.count > 0 && !d->flights.held && !d->flights.refused && clock_monotonic() < deadline) {
        wait_for_event(d, SETTLE_MS);
        flights_settle(&d->flights);
    }
    event_raise(d->event); /* what else was waited for has not been looked at */
}

static void let_go(void *context)
{
    struct downlink *d = context;
    flights_let_go(&d->flights);
}

static void drain(struct downlink *d)
{
    int64_t deadline = clock_monotonic() + d->settings->drain_timeout;
    while (!d->failed && d->flights.count > 0 && clock_monotonic() < deadline) {
        step(d);
        if (d->flights.count > 0)
            wait_for_event(d, BUSY_MS);
    }
}

/* The event is "started" or "stopped". */
static void log_state(const struct downlink *d, const char *event)
{
    const struct counts *c = &d->counts;
    const struct log_field *fields =
        LOG_FIELDS(LOG_NUMBER("consumed", c->consumed), LOG_NUMBER("sent", c->sent),
                   LOG_NUMBER("dead", c->dead), LOG_NUMBER("skipped", c->skipped),
                   LOG_NUMBER("returned", c->returned), LOG_NUMBER("in_flight", counts_in_flight(c)));
    log_write(LOG_LEVEL_INFO, event, fields,
              "%s: consumed %" PRIu64 " = sent %" PRIu64 " + dead %" PRIu64 " + skipped %" PRIu64
              " + returned %" PRIu64 " + in flight %" PRIu64 ", since the start",
              event, c->consumed, c->sent, c->dead, c->skipped, c->returned, counts_in_flight(c));
}

static int run(struct downlink *d)
{
    struct error error;
    log_state(d, LOG_EVENT(started));
    notify(&error, "READY=1");
    while (!stop_requested() && !d->failed) {
        step(d);
        wait_for_event(d, is_busy(d) ? BUSY_MS : IDLE_MS);
    }
    notify(&error, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64,
           (d->settings->drain_timeout + 30 * SECOND) / MICROSECOND);
    drain(d);
    return d->failed ? EXIT_FAILED : EXIT_DONE;
}

/* A dead_letter_visit. An announcement that is itself a dead letter, where a regular expression takes all
 * topics, would be announced for ever. */
static bool announce(void *context, const struct spool_record *letter)
{
    struct downlink *d = context;
    const char *topic = d->settings->dead_letter_topic;
    if (letter->topic.length != strlen(topic) || memcmp(letter->topic.data, topic, strlen(topic)) != 0)
        dead_letter_topic_announce(d->announcer, letter);
    return true;
}

static bool open_announcer(struct downlink *d, struct error *error)
{
    static const struct kafka_topic_settings usual = {.partitions = -1, .replication = -1};
    const struct downlink_settings *settings = d->settings;
    if (!settings->dead_letter_topic)
        return true;
    d->announcer =
        dead_letter_topic_open(&settings->kafka, settings->dead_letter_topic, &usual, settings->name, error);
    if (d->announcer)
        letters_watch(d->letters, announce, d);
    return d->announcer != NULL;
}

static bool open_all(struct downlink *d, struct error *error)
{
    const struct consumer_owner owner = {.context = d, .settle = settle, .let_go = let_go};
    d->event = event_open();
    if (d->event < 0)
        return error_set(error, "cannot make an event: too many files are open");
    d->letters = letters_open(d->settings, error);
    if (d->letters)
        d->consumer = consumer_open(d->settings, &owner, d->event, &d->counts, error);
    if (d->consumer && open_announcer(d, error))
        d->sender = sender_open(d->settings, d->event, error);
    if (!d->sender)
        return false;
    d->partitions = consumer_partitions(d->consumer);
    flights_open(&d->flights, d->settings, d->sender, d->letters, &d->counts);
    if (d->settings->http.at)
        d->pages = pages_open(d->settings, error);
    return d->pages || !d->settings->http.at;
}

/* Kafka first, so that the last positions are committed. Where a library does not end, the process exits. */
static void close_all(struct downlink *d, int status)
{
    bool ended = consumer_close(d->consumer);
    if (d->sender)
        log_state(d, LOG_EVENT(stopped));
    pages_close(d->pages);
    ended = sender_close(d->sender) && ended;
    letters_close(d->letters);
    dead_letter_topic_close(d->announcer);
    if (!ended)
        exit(status);
    flights_close(&d->flights);
    if (d->event >= 0)
        close(d->event);
}

int downlink_run(struct downlink_settings *settings)
{
    struct downlink downlink = {.settings = settings, .event = -1};
    struct error error;
    int status = EXIT_FAILED;
    signal(SIGXFSZ, SIG_IGN); /* writing to a file that may not grow is an error instead */
    if (open_all(&downlink, &error))
        status = run(&downlink);
    else {
        log_error(start_failed, "%s", error.text);
        /* Of these errors the user can correct a Kafka property only. */
        if (downlink.letters && !downlink.consumer)
            status = EXIT_WRONG_USE;
    }
    close_all(&downlink, status);
    template_free(&settings->template);
    return status;
}
