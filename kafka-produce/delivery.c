#include "delivery.h"

#include "clock.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For the reports of what was given up, which librdkafka makes at once. */
static const int64_t report_time = 5 * SECOND;

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct delivery *d = opaque;
    char reason[256];
    (void)rk;
    d->in_flight--;
    if (!message->err) {
        d->delivered++;
        return;
    }
    bool perhaps = rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED;
    snprintf(reason, sizeof reason, "%s: %s", perhaps ? "perhaps not delivered" : "not delivered",
             rd_kafka_err2str(message->err));
    delivery_fail(d, (uint64_t)(uintptr_t)message->_private, reason);
}

static const struct kafka_property defaults[] = {
    {.name = "enable.idempotence", .value = "true"},
    {.name = "linger.ms", .value = "100"},                    /* see delivery_flush */
    {.name = "message.timeout.ms", .value = "60000"},         /* who waits at a shell wants to know */
    {.name = "queue.buffering.max.kbytes", .value = "65536"}, /* then it is standard input's turn to wait */
    {.name = "reconnect.backoff.max.ms", .value = "2000"},
    {.name = "log.connection.close", .value = "false"},
    {.name = "allow.auto.create.topics", .value = "false"}, /* the topic is created as our options say */
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

static bool make_client(struct delivery *d, struct error *error)
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
    rd_kafka_conf_set_opaque(conf, d);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    d->rk = kafka_new(RD_KAFKA_PRODUCER, conf, error);
    return d->rk != NULL;
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
    if (!make_client(d, error))
        return false;
    make_headers(d);
    d->topic = rd_kafka_topic_new(d->rk, settings->topic.name, NULL);
    return d->topic ||
           error_set(error, "topic '%s': %s", settings->topic.name, rd_kafka_err2str(rd_kafka_last_error()));
}

void delivery_close(struct delivery *d)
{
    if (d->headers)
        rd_kafka_headers_destroy(d->headers);
    if (d->topic)
        rd_kafka_topic_destroy(d->topic);
    if (d->rk)
        kafka_destroy(d->rk);
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

static rd_kafka_resp_err_t produce(const struct delivery *d, uint64_t line, const struct message *message)
{
    rd_kafka_headers_t *headers = join_headers(d, message);
    const rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = d->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)d->settings->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)message->value, message->value_length}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)message->key, message->key_length}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message->timestamp},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)line},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t count = sizeof fields / sizeof *fields - (headers ? 0 : 1);
    rd_kafka_error_t *failure = rd_kafka_produceva(d->rk, fields, count);
    rd_kafka_resp_err_t err = failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (failure && headers)
        rd_kafka_headers_destroy(headers);
    if (failure)
        rd_kafka_error_destroy(failure);
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
    rd_kafka_resp_err_t err = produce(d, line, message);
    bool full = err == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (full && d->in_flight > 0)
        return false;
    if (!err)
        d->in_flight++;
    else if (full) { /* and it will not be emptier */
        snprintf(reason, sizeof reason,
                 "not sent: its %zu bytes are more than queue.buffering.max.kbytes allows (-X "
                 "queue.buffering.max.kbytes=N raises it)",
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

void delivery_poll(struct delivery *d, int64_t timeout)
{
    rd_kafka_poll(d->rk, (int)(timeout / MILLISECOND));
}

void delivery_flush(struct delivery *d, int64_t timeout)
{
    rd_kafka_flush(d->rk, (int)(timeout / MILLISECOND));
}

void delivery_give_up(struct delivery *d)
{
    int64_t deadline = clock_monotonic() + report_time;
    rd_kafka_purge(d->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (d->in_flight > 0 && clock_monotonic() < deadline)
        delivery_poll(d, SECOND / 10);
    d->failed += d->in_flight;
    d->in_flight = 0;
}

bool delivery_fatal(const struct delivery *d, struct error *error)
{
    char reason[512];
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(d->rk, reason, sizeof reason);
    if (err)
        error_set(error, "%s: %s", rd_kafka_err2name(err), reason);
    return err != RD_KAFKA_RESP_ERR_NO_ERROR;
}
