#include "delivery.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "kafka/client.h"
#include "kafka/errors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For the delivery reports of what was given up, which librdkafka makes at once. */
static const int64_t report_time = 5 * SECOND;

/* What a delivery report does not have; librdkafka carries it. */
struct ticket {
    uint64_t line;
    int64_t timestamp; /* ms since 1970 */
};

static void on_failure(struct delivery *d, uint64_t line, const rd_kafka_message_t *message)
{
    char reason[KAFKA_ERROR_SIZE + 32], text[KAFKA_ERROR_SIZE];
    bool perhaps = rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED;
    snprintf(reason, sizeof reason, "%s: %s", perhaps ? "perhaps not delivered" : "not delivered",
             kafka_describe(message->err, text));
    d->in_flight--;
    delivery_fail(d, line, reason);
}

/* Was it in a refused batch, or behind one in librdkafka's queue? */
static bool is_to_be_sent_again(const struct delivery *d, const rd_kafka_message_t *message)
{
    bool not_sent = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE && !d->giving_up &&
                    rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
    bool refused =
        kafka_error_is_permanent(message->err) || message->err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
    return not_sent || message->err == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE ||
           (refused && d->refused.group != 1);
}

/* A copy, or NULL for none. */
static rd_kafka_headers_t *headers_of(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    return rd_kafka_message_headers(message, &headers) ? NULL : rd_kafka_headers_copy(headers);
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct delivery *d = opaque;
    const struct ticket ticket = *(struct ticket *)message->_private;
    (void)rk;
    free(message->_private);
    d->handed_over--;
    if (is_to_be_sent_again(d, message)) {
        if (d->refused.group == 0)
            refused_add(&d->refused, ticket.line, ticket.timestamp, message, headers_of(message));
        return;
    }
    if (message->err)
        on_failure(d, ticket.line, message);
    else {
        d->in_flight--;
        d->delivered++;
    }
    refused_settle(&d->refused, ticket.line, !message->err);
}

static const struct kafka_property defaults[] = {
    {.name = "enable.idempotence", .value = "true"},
    {.name = "linger.ms", .value = "100"},            /* see delivery_flush */
    {.name = "message.timeout.ms", .value = "60000"}, /* a person at a shell does not wait for longer */
    {.name = "queue.buffering.max.kbytes", .value = "65536"}, /* then standard input waits */
    {.name = "reconnect.backoff.max.ms", .value = "2000"},
    {.name = "allow.auto.create.topics", .value = "false"},          /* the topic is created by our options */
    {.name = "max.in.flight.requests.per.connection", .value = "1"}, /* nothing overtakes a refused batch */
};

/* A property of the client as a number. */
static int64_t number_of(rd_kafka_conf_t *conf, const char *name)
{
    char text[32] = "";
    size_t size = sizeof text;
    int64_t value = 0;
    if (rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK)
        text_to_integer(text, &value);
    return value;
}

/* Makes librdkafka stop at a refused batch. Otherwise it continues with what is behind. */
static void stop_at_refusal(rd_kafka_conf_t *conf)
{
    char idempotent[8] = "";
    size_t size = sizeof idempotent;
    rd_kafka_conf_get(conf, "enable.idempotence", idempotent, &size);
    if (strcmp(idempotent, "true") == 0) /* the gapless guarantee needs it */
        rd_kafka_conf_set(conf, "enable.gapless.guarantee", "true", NULL, 0);
}

static void close_client(rd_kafka_t *rk, rd_kafka_topic_t *topic)
{
    if (topic)
        rd_kafka_topic_destroy(topic);
    if (rk)
        kafka_destroy(rk);
}

/* Makes a client, and replaces the present one, if any. On failure that one stays. */
static bool make_client(struct delivery *d, bool stops, struct error *error)
{
    const struct produce_settings *settings = d->settings;
    const struct kafka_property compression = {.name = "compression.type",
                                               .value = settings->compression_name};
    rd_kafka_conf_t *conf =
        kafka_conf_new(RD_KAFKA_PRODUCER, &settings->kafka, defaults, sizeof defaults / sizeof *defaults,
                       &compression, settings->compression_name ? 1 : 0, error);
    if (!conf)
        return false;
    d->longest = number_of(conf, "message.max.bytes");
    d->time_limit = number_of(conf, "message.timeout.ms") * MILLISECOND;
    if (stops)
        stop_at_refusal(conf);
    rd_kafka_conf_set_opaque(conf, d);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_t *rk = kafka_new(RD_KAFKA_PRODUCER, conf, error);
    rd_kafka_topic_t *topic = rk ? rd_kafka_topic_new(rk, settings->topic.name, NULL) : NULL;
    if (!topic) {
        if (rk)
            error_set(error, "topic '%s': %s", settings->topic.name, rd_kafka_err2str(rd_kafka_last_error()));
        close_client(rk, NULL);
        return false;
    }
    close_client(d->rk, d->topic);
    d->rk = rk;
    d->topic = topic;
    d->stops = stops;
    return true;
}

/* NAME=VALUE each, or NAME for a null value. */
static void make_headers(struct delivery *d)
{
    const struct text_list *texts = &d->settings->headers;
    if (texts->count == 0)
        return;
    if (!(d->headers = rd_kafka_headers_new(texts->count)))
        abort();
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->items[i], *value = strchr(text, '=');
        size_t name_length = value ? (size_t)(value - text) : strlen(text);
        message_add_header(d->headers, text, name_length, value ? value + 1 : NULL,
                           value ? strlen(value + 1) : 0);
    }
}

bool delivery_open(struct delivery *d, const struct produce_settings *settings, struct error *error)
{
    *d = (struct delivery){.settings = settings};
    if (!make_client(d, true, error))
        return false;
    make_headers(d);
    return true;
}

void delivery_close(struct delivery *d)
{
    if (d->headers)
        rd_kafka_headers_destroy(d->headers);
    refused_free(&d->refused);
    close_client(d->rk, d->topic);
}

void delivery_fail(struct delivery *d, uint64_t line, const char *reason)
{
    d->failed++;
    failures_add(&d->failures, line, reason);
}

/* The headers of every message, then the line's own, as a copy; NULL: none. */
static rd_kafka_headers_t *join_headers(const struct delivery *d, const struct message *message)
{
    const char *name;
    const void *value;
    size_t length;
    if (!d->headers && !message->headers)
        return NULL;
    rd_kafka_headers_t *all = rd_kafka_headers_copy(d->headers ? d->headers : message->headers);
    if (!all)
        abort();
    if (!d->headers || !message->headers)
        return all;
    for (size_t i = 0; !rd_kafka_header_get_all(message->headers, i, &name, &value, &length); i++)
        message_add_header(all, name, strlen(name), value, length);
    return all;
}

/* Takes over the headers, which may be NULL. */
static rd_kafka_resp_err_t produce(struct delivery *d, uint64_t line, const struct message *message,
                                   rd_kafka_headers_t *headers)
{
    int64_t timestamp = message->timestamp ? message->timestamp : clock_realtime() / MILLISECOND;
    struct ticket *ticket = malloc(sizeof *ticket);
    if (!ticket)
        abort();
    *ticket = (struct ticket){line, timestamp};
    const rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = d->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)d->settings->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)message->value, message->value_length}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)message->key, message->key_length}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = ticket},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t count = sizeof fields / sizeof *fields - (headers ? 0 : 1);
    rd_kafka_error_t *failure = rd_kafka_produceva(d->rk, fields, count);
    rd_kafka_resp_err_t err = failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (failure && headers)
        rd_kafka_headers_destroy(headers);
    if (failure) {
        rd_kafka_error_destroy(failure);
        free(ticket);
    } else
        d->handed_over++;
    return err;
}

static size_t size_of_headers(const rd_kafka_headers_t *headers)
{
    const char *name;
    const void *value;
    size_t length, size = 0;
    for (size_t i = 0; headers && !rd_kafka_header_get_all(headers, i, &name, &value, &length); i++)
        size += strlen(name) + length;
    return size;
}

/* In bytes, without what Kafka's format adds. */
static size_t size_of(const struct delivery *d, const struct message *message)
{
    return message->key_length + message->value_length + size_of_headers(d->headers) +
           size_of_headers(message->headers);
}

void delivery_refuse(struct delivery *d, uint64_t line, size_t length)
{
    char reason[256];
    snprintf(reason, sizeof reason,
             "not sent: it has %zu bytes, and message.max.bytes=%" PRId64
             " allows less (-X message.max.bytes=N raises it; so must the topic's max.message.bytes)",
             length, d->longest);
    delivery_fail(d, line, reason);
}

bool delivery_send(struct delivery *d, uint64_t line, struct message *message)
{
    char reason[256];
    if (delivery_isolates(d))
        return false;
    if (d->broken) {
        delivery_fail(d, line, "not sent: there is no client any more");
        message_free(message);
        return true;
    }
    rd_kafka_resp_err_t err = produce(d, line, message, join_headers(d, message));
    bool full = err == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if ((full && d->in_flight > 0) || err == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE)
        return false;
    if (!err)
        d->in_flight++;
    else if (full) { /* and it cannot become emptier */
        snprintf(
            reason, sizeof reason,
            "not sent: its %zu bytes are more than queue.buffering.max.kbytes allows (-X queue.buffering.max.kbytes=N raises it)",
            size_of(d, message));
        delivery_fail(d, line, reason);
    } else if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        delivery_refuse(d, line, size_of(d, message));
    else {
        snprintf(reason, sizeof reason, "not sent: %s", rd_kafka_err2str(err));
        delivery_fail(d, line, reason);
    }
    message_free(message);
    return true;
}

bool delivery_isolates(const struct delivery *d)
{
    return refused_count(&d->refused) > 0;
}

/* The refused messages count as failed. */
static void fail_refused(struct delivery *d, const char *reason)
{
    for (size_t i = d->refused.begin; i < d->refused.end; i++) {
        if (d->refused.items[i].settled)
            continue;
        d->in_flight--;
        delivery_fail(d, d->refused.items[i].line, reason);
    }
    refused_free(&d->refused);
}

static bool has_stopped(const struct delivery *d)
{
    char reason[8];
    return rd_kafka_fatal_error(d->rk, reason, sizeof reason) == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE;
}

/* Provides a client that has not stopped. With `stops` it stops at a refusal; otherwise it reports the
 * reason. */
static void need_client(struct delivery *d, bool stops)
{
    struct error reason;
    if ((d->stops == stops && !has_stopped(d)) || make_client(d, stops, &reason))
        return;
    d->broken = true;
    log_error(kafka_failed, "cannot continue after a refused batch: %s", reason.text);
    fail_refused(d, "not delivered: its batch was refused");
}

static void send_group(struct delivery *d)
{
    size_t count;
    const struct refused_message *group = refused_group(&d->refused, &count);
    need_client(d, count > 1);
    for (size_t i = 0; !d->broken && i < count; i++) {
        const struct message *message = &group[i].message;
        rd_kafka_headers_t *headers = message->headers ? rd_kafka_headers_copy(message->headers) : NULL;
        rd_kafka_resp_err_t err = produce(d, group[i].line, message, headers);
        if (err == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE)
            return; /* those before were refused: the others wait for the next groups */
        if (!err)
            continue;
        char reason[256];
        snprintf(reason, sizeof reason, "not delivered: %s", rd_kafka_err2str(err));
        d->in_flight--;
        delivery_fail(d, group[i].line, reason);
        refused_settle(&d->refused, group[i].line, false);
    }
}

/* Sends the next group of refused messages once nothing else is in flight. A client may also have stopped
 * with none to retry: at an error that is not about messages. */
static void send_refused(struct delivery *d)
{
    /* When a client stops, librdkafka may keep a message that arrived just then, until it times out. */
    if (d->handed_over > 0 && has_stopped(d))
        rd_kafka_purge(d->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
    if (d->handed_over > 0 || d->broken)
        return;
    if (d->refused.group > 0)
        refused_end_group(&d->refused);
    else
        refused_sort(&d->refused);
    if (delivery_isolates(d))
        send_group(d);
    else
        need_client(d, true);
}

void delivery_poll(struct delivery *d, int64_t timeout)
{
    rd_kafka_poll(d->rk, (int)(timeout / MILLISECOND));
    send_refused(d);
}

void delivery_flush(struct delivery *d, int64_t timeout)
{
    int64_t deadline = clock_monotonic() + timeout, left = timeout;
    do {
        rd_kafka_flush(d->rk, (int)(left / MILLISECOND));
        send_refused(d);
        left = deadline - clock_monotonic();
    } while (delivery_isolates(d) && left >= MILLISECOND);
}

void delivery_give_up(struct delivery *d)
{
    int64_t deadline = clock_monotonic() + report_time;
    d->giving_up = true;
    rd_kafka_purge(d->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (d->handed_over > 0 && clock_monotonic() < deadline)
        rd_kafka_poll(d->rk, 100);
    fail_refused(d, "not delivered: its batch was refused, and there was no time to send it alone");
    d->failed += d->in_flight;
    d->in_flight = d->handed_over = 0;
    d->giving_up = false;
    send_refused(d);
}

bool delivery_fatal(const struct delivery *d, struct error *error)
{
    char reason[512];
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(d->rk, reason, sizeof reason);
    if (d->broken)
        return !error_set(error, "there is no Kafka client any more");
    if (err == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE) /* it is replaced */
        return false;
    if (err)
        error_set(error, "%s: %s", rd_kafka_err2name(err), reason);
    return err != RD_KAFKA_RESP_ERR_NO_ERROR;
}
