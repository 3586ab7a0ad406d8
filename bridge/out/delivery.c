#include "delivery.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Then a pass ends, so that the position is saved and a request to stop is noticed. */
static const int64_t longest_pass = 1 * SECOND;

/* Without a delivery report for this long, the topic and the cluster are checked. */
static const int64_t report_patience = 5 * SECOND;

/* After Kafka has refused a timestamp, for how long records go without the time of arrival: long enough that
 * a backlog or a wrong clock does not cost a refused batch each time, short enough that a corrected clock is
 * noticed. */
static const int64_t without_arrivals = 1 * MINUTE;

void delivery_fail(struct delivery *d, const char *what)
{
    d->wait = backoff_next(&d->backoff);
    d->failing = true;
    counters_set_trouble(d->counters, what);
    /* Another failure than the last one is logged at once, such as the next one after a right was granted. */
    if (strcmp(d->told.text, what) != 0)
        d->failures.last = 0;
    error_set(&d->told, "%s", what);
    log_limited(&d->failures, LOG_LEVEL_WARNING, kafka_unavailable, LOG_FIELDS(LOG_TEXT("reason", what)),
                "%s; everything stays in the spool, trying again", what);
}

void delivery_note_missing_topic(struct delivery *d, struct destination *destination, rd_kafka_resp_err_t err)
{
    if (!kafka_topic_is_missing(err))
        return;
    if (destination)
        destination->ready = false;
    else
        destinations_forget(d->destinations);
    d->vanished = true;
}

void delivery_recovered(struct delivery *d)
{
    backoff_reset(&d->backoff);
    if (!d->failing)
        return;
    d->failing = false;
    counters_set_trouble(d->counters, "");
}

/* True when the record is in the dead letters now. */
static bool set_aside(struct delivery *d, const char *reason)
{
    struct error error;
    struct spool_record letter = d->record;
    letter.reason = (struct spool_bytes){reason, strlen(reason)};
    if (!dead_letters_append(d->letters, &letter, &error)) {
        delivery_fail(d, error.text);
        return false;
    }
    spool_dead(d->spool, letter.id);
    counters_add(&d->counters->dead_bytes, counters_size(&letter));
    char topic[201];
    snprintf(topic, sizeof topic, "%.*s", (int)letter.topic.length, (const char *)letter.topic.data);
    log_limited(&d->set_asides, LOG_LEVEL_WARNING, dead_letter,
                LOG_FIELDS(LOG_NUMBER("id", letter.id), LOG_TEXT("topic", topic),
                           LOG_NUMBER("bytes", letter.payload.length), LOG_TEXT("reason", reason)),
                "message %" PRIu64
                " (topic '%s', %zu bytes) can never be taken by Kafka and is set aside as a dead letter: %s",
                letter.id, topic, letter.payload.length, reason);
    return true;
}

static void tell_refused_timestamp(struct delivery *d, const struct produced *message)
{
    char arrival[CLOCK_RFC3339_SIZE], now[CLOCK_RFC3339_SIZE];
    const char *topic = message->to->name;
    clock_rfc3339(message->time, arrival);
    clock_rfc3339(clock_realtime(), now);
    if (message->timestamp == TIMESTAMP_ARRIVAL)
        log_limited(
            &d->refused_timestamps, LOG_LEVEL_WARNING, kafka_timestamp_refused,
            LOG_FIELDS(LOG_TEXT("topic", topic), LOG_TEXT("arrival", arrival)),
            "Kafka refuses the time at which message %" PRIu64
            " arrived, %s (now it is %s here): records go with the time of sending, and their arrival in the header mqtt.arrival. Check message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic '%s', and the clocks here and of Kafka",
            message->id, arrival, now, topic);
    else
        log_warning_with(
            kafka_timestamp_refused, LOG_FIELDS(LOG_TEXT("topic", topic), LOG_TEXT("arrival", arrival)),
            "Kafka refuses the present time, %s, for the topic '%s' too: records go without a timestamp, and their arrival in the header mqtt.arrival. Correct the clock of this machine, or Kafka's",
            now, topic);
}

/* The message is retried with the next kind of timestamp, and so are those after it. */
static void timestamp_refused(struct delivery *d, const struct produced *message)
{
    d->arrivals_again = clock_monotonic() + without_arrivals;
    if (message->timestamp == TIMESTAMP_NONE)
        delivery_fail(d, "Kafka refuses even records without a timestamp for their time");
    else if (message->timestamp >= d->timestamp) { /* else others of its kind were refused before */
        d->timestamp = message->timestamp + 1;
        tell_refused_timestamp(d, message);
    }
}

static void on_report(void *context, const struct produced *message, rd_kafka_resp_err_t err)
{
    struct delivery *d = context;
    uint64_t id = message->id;
    char text[KAFKA_ERROR_SIZE + 300], reason[KAFKA_ERROR_SIZE];
    d->reports++;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAILPOINT("after-report");
        d->way->acknowledged(d, message);
        return;
    }
    d->rewind_due = true;
    if (kafka_error_is_permanent(err)) {
        /* A record that went alone is itself at fault. One of several is found by sending them one by one. */
        if (id <= d->isolate_until && id == d->record.id)
            set_aside(d, rd_kafka_err2str(err));
        else if (id > d->isolate_until)
            d->isolate_until = id;
        return;
    }
    if (err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP) {
        timestamp_refused(d, message);
        return;
    }
    if (err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return; /* an aborted transaction: its cause was logged */
    delivery_note_missing_topic(d, message->to, err);
    snprintf(text, sizeof text, "Kafka does not take messages for '%s' now: %s", message->to->name,
             kafka_describe(err, reason));
    delivery_fail(d, text);
}

static bool open_producer(struct delivery *d, struct error *error)
{
    struct counters *statistics = d->settings->http.at ? d->counters : NULL;
    d->producer = producer_open(d->settings, d->required, d->required_count, on_report, d, statistics, error);
    return d->producer != NULL;
}

static void close_producer(struct delivery *d)
{
    destinations_leave_producer(d->destinations);
    producer_close(d->producer);
    d->producer = NULL;
}

bool delivery_open(struct delivery *d, const struct delivery_way *way, const struct bridge_settings *settings,
                   struct spool *spool, struct dead_letters *letters, struct counters *counters,
                   const struct kafka_property *required, size_t required_count, struct error *error)
{
    *d = (struct delivery){
        .way = way,
        .settings = settings,
        .spool = spool,
        .letters = letters,
        .counters = counters,
        .required = required,
        .required_count = required_count,
        .backoff = {.first = 100 * MILLISECOND, .longest = 5 * SECOND},
        .failures = {.interval = 30 * SECOND},
        .replacements = {.interval = 30 * SECOND},
        .set_asides = {.interval = 30 * SECOND},
        .refused_timestamps = {.interval = 30 * SECOND},
    };
    d->destinations = destinations_open(settings, error);
    d->router = (struct router){.settings = settings,
                                .destinations = d->destinations,
                                .counters = counters,
                                .keyless = {.interval = MINUTE}};
    if (d->destinations)
        router_count(&d->router);
    if (d->destinations && open_producer(d, error))
        return true;
    delivery_close(d);
    return false;
}

void delivery_close(struct delivery *d)
{
    if (d->producer)
        close_producer(d);
    if (d->destinations)
        destinations_close(d->destinations);
    router_free(&d->router);
    free(d->cluster);
    free(d);
}

void delivery_rewind(struct delivery *d)
{
    spool_rewind(d->spool);
    d->record = (struct spool_record){0};
    d->routed = (struct routed){0};
    d->held = false;
    d->rewind_due = false;
}

void delivery_replace(struct delivery *d, const char *why)
{
    error_set(&d->replacement, "%s", why);
}

/* Looks at the topics with messages in flight: has one of them fewer partitions than before? One that is
 * missing is noted. */
static bool lacks_partitions(struct delivery *d)
{
    struct destination *to;
    for (size_t i = 0; (to = destinations_at(d->destinations, i)); i++) {
        int partitions;
        if (to->in_flight == 0)
            continue;
        rd_kafka_resp_err_t err =
            kafka_topic_look_up(producer_handle(d->producer), to->name, 1 * SECOND, &partitions);
        delivery_note_missing_topic(d, to, err);
        if (err && !kafka_topic_is_missing(err))
            return false; /* Kafka does not answer for the others either */
        if (!err && partitions < to->partitions)
            return true;
    }
    return false;
}

/* librdkafka may forget the messages in flight to a partition that vanishes: it never sends nor reports them
 * (2.0.2: a request that fails after the partition was removed puts them into its queue, which is no longer
 * served). */
static bool holds_forgotten_messages(struct delivery *d)
{
    int64_t now = clock_monotonic();
    size_t in_flight = producer_in_flight(d->producer);
    if (in_flight == 0)
        d->vanished = false;
    if (in_flight == 0 || d->reports != d->reports_seen) {
        d->quiet_since = now;
        d->reports_seen = d->reports;
    }
    if (now - d->quiet_since < report_patience)
        return false;
    d->quiet_since = now;
    bool vanished = d->vanished; /* what is missing only now may still be reported */
    bool lacking = lacks_partitions(d);
    return vanished || lacking;
}

/* Another cluster may know this producer's id as another producer's: it could take new records for repeated
 * ones. */
static bool is_for_another_cluster(struct delivery *d)
{
    if (!producer_cluster_changed(d->producer, &d->cluster))
        return false;
    destinations_forget(d->destinations);
    log_warning_with(
        kafka_cluster_changed, LOG_FIELDS(LOG_TEXT("cluster", d->cluster)),
        "Kafka at %s is another cluster than before, %s now: it has nothing of what was delivered before, and gets everything that is in the spool. If that was not intended, check --brokers",
        d->settings->kafka.brokers, d->cluster);
    return true;
}

/* Must there be another producer? */
static void look_after_producer(struct delivery *d)
{
    struct error error;
    if (producer_fatal(d->producer, &error)) {
        delivery_replace(d, error.text);
    } else if (is_for_another_cluster(d)) {
        delivery_replace(d, "it was made for another cluster");
    } else if (holds_forgotten_messages(d)) {
        error_set(&error, "it holds messages (%zu) for a partition of the topic '%s' that has vanished",
                  producer_in_flight(d->producer), d->settings->kafka_topic);
        delivery_replace(d, error.text);
    }
}

bool delivery_begin(struct delivery *d)
{
    struct error error;
    d->wait = 0;
    if (d->producer)
        look_after_producer(d);
    if (d->producer && *d->replacement.text) {
        log_limited(&d->replacements, LOG_LEVEL_WARNING, kafka_producer_replaced,
                    LOG_FIELDS(LOG_TEXT("reason", d->replacement.text)),
                    "the Kafka producer must be replaced: %s", d->replacement.text);
        d->way->replacing(d);
        close_producer(d);
        d->replacement = (struct error){0};
        counters_take_statistics(d->counters, NULL);
        counters_add(&d->counters->producers_replaced, 1);
    }
    if (!d->producer) {
        delivery_rewind(d);
        if (!open_producer(d, &error))
            delivery_fail(d, error.text);
    }
    if (d->producer)
        producer_poll(d->producer, 0);
    return d->producer != NULL;
}

void delivery_await_reports(struct delivery *d, int64_t ns)
{
    if (d->producer)
        producer_poll(d->producer, ns);
}

void delivery_finish(struct delivery *d, int64_t ns)
{
    if (d->producer)
        producer_flush(d->producer, ns);
    spool_save(d->spool);
}

/* Looks the topic up and creates it where it is missing. KAFKA_TOPIC_READY, or *error says why not. */
static enum kafka_topic_result look_for_topic(struct delivery *d, struct destination *to, struct error *error)
{
    struct kafka_topic_settings topic = d->settings->new_topic;
    rd_kafka_t *rk = producer_handle(d->producer);
    if (to->ready)
        return KAFKA_TOPIC_READY;
    topic.name = to->name;
    enum kafka_topic_result result = kafka_topic_ensure(rk, &d->settings->kafka, &topic, 2 * SECOND, error);
    to->ready = result == KAFKA_TOPIC_READY;
    if (to->ready) {
        kafka_topic_look_up(rk, to->name, 2 * SECOND, &to->partitions);
        delivery_recovered(d);
    }
    return result;
}

bool delivery_ensure(struct delivery *d, struct destination *to)
{
    struct error error;
    bool ready = look_for_topic(d, to, &error) == KAFKA_TOPIC_READY;
    if (!ready)
        delivery_fail(d, error.text);
    return ready;
}

bool delivery_peek(struct delivery *d, struct pass *pass)
{
    struct error error;
    struct spool_record record; /* without a record, its content is undefined */
    if (d->held)
        return true;
    switch (spool_read(d->spool, &record, &error)) {
    case SPOOL_READ_RECORD:
        d->record = record;
        d->routed = (struct routed){0};
        d->held = true;
        return true;
    case SPOOL_READ_NOTHING:
        return false;
    case SPOOL_READ_WINDOW:
        pass->more = true;
        return false;
    case SPOOL_READ_FAILED:
        break;
    }
    log_error(spool_read_failed, "%s", error.text);
    pass->failed = true;
    return false;
}

/* Up to isolate_until one record at a time is in flight: the held one must not join another, and no other may
 * join the last one handed over. Waits a moment for the one in flight; false when it is still in flight or
 * something failed. */
static bool may_join(struct delivery *d)
{
    if (d->record.id <= d->isolate_until && producer_in_flight(d->producer) > 0)
        producer_poll(d->producer, 100 * MILLISECOND);
    return !d->rewind_due && (d->record.id > d->isolate_until || producer_in_flight(d->producer) == 0);
}

/* Records that go one by one, and topics that are new, take a round trip each, and there may be a window of
 * them. */
static bool takes_long(const struct delivery *d, int64_t begin)
{
    bool slow = d->record.id <= d->isolate_until || d->settings->routes;
    return slow && clock_monotonic() - begin > longest_pass;
}

/* Where does the held record go, and is its topic there? PRODUCER_TAKEN: it is; else *error says why not. A
 * name that comes from a message and that Kafka refuses is the message's fault. */
static enum producer_result find_destination(struct delivery *d, struct error *error)
{
    if (!d->routed.to && !router_route(&d->router, &d->record, &d->routed, error)) {
        d->routed.to = NULL;
        return PRODUCER_REFUSED;
    }
    switch (look_for_topic(d, d->routed.to, error)) {
    case KAFKA_TOPIC_READY:
        return PRODUCER_TAKEN;
    case KAFKA_TOPIC_REFUSED:
        return d->settings->routes ? PRODUCER_REFUSED : PRODUCER_LATER;
    case KAFKA_TOPIC_LATER:
    case KAFKA_TOPIC_DENIED:
        break;
    }
    return PRODUCER_LATER;
}

bool delivery_ensure_next(struct delivery *d, struct pass *pass)
{
    struct error error;
    bool later = delivery_peek(d, pass) && find_destination(d, &error) == PRODUCER_LATER;
    if (later)
        delivery_fail(d, error.text);
    return !later;
}

static enum producer_result hand_over(struct delivery *d, const struct pass *pass, struct error *error)
{
    enum producer_result result = find_destination(d, error);
    if (result == PRODUCER_LATER && pass->forwarded > 0)
        return PRODUCER_FULL; /* what is handed over is delivered first */
    return result == PRODUCER_TAKEN
               ? producer_produce(d->producer, &d->record, &d->routed, d->timestamp, error)
               : result;
}

void delivery_produce(struct delivery *d, struct pass *pass)
{
    struct error error;
    int64_t begin = clock_monotonic();
    if (begin >= d->arrivals_again)
        d->timestamp = TIMESTAMP_ARRIVAL;
    while (d->wait == 0) {
        if (!may_join(d) || takes_long(d, begin)) {
            pass->more = true;
            return;
        }
        if (!delivery_peek(d, pass))
            return;
        switch (hand_over(d, pass, &error)) {
        case PRODUCER_TAKEN:
            d->held = false;
            pass->forwarded++;
            FAILPOINT("after-produce");
            break;
        case PRODUCER_FULL:
            pass->more = true;
            return;
        case PRODUCER_REFUSED:
            d->held = !set_aside(d, error.text);
            break;
        case PRODUCER_NO_TOPIC:
            d->routed.to->ready = false;
            delivery_fail(d, "Kafka has lost the topic");
            break;
        case PRODUCER_LATER:
            delivery_fail(d, error.text);
            break;
        }
    }
}
