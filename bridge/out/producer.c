#include "producer.h"

#include "bridge/seen/counters.h"
#include "core/clock.h"
#include "core/out_of_memory.h"
#include "kafka/client.h"
#include "kafka/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message in flight. */
struct slot {
    struct produced message;
    struct slot *next_free;
};

struct producer {
    const struct bridge_settings *settings;
    rd_kafka_t *rk;
    producer_report *report;
    void *context;
    struct counters *statistics; /* or NULL */
    struct kafka_unanswered unanswered;
    bool closing;
    struct slot *slots, *free_slots;
    size_t in_flight, bytes_in_flight;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct producer *p = opaque;
    struct slot *slot = message->_private;
    (void)rk;
    p->in_flight--;
    p->bytes_in_flight -= slot->message.size;
    slot->next_free = p->free_slots;
    p->free_slots = slot;
    if (p->closing)
        return;
    slot->message.to->in_flight--;
    p->report(p->context, &slot->message, message->err);
}

static int on_statistics(rd_kafka_t *rk, char *json, size_t length, void *opaque)
{
    struct producer *p = opaque;
    (void)rk;
    (void)length;
    if (p->closing)
        return 0;
    counters_take_statistics(p->statistics, json);
    return 1; /* the text is not librdkafka's any more */
}

/* Kafka may be down for any time: nothing is ever given up, and a dead connection or a returning broker is
 * noticed within seconds (librdkafka's CONFIGURATION.md). */
static const struct kafka_property defaults[] = {
    {.name = "linger.ms", .value = "5"},                  /* see producer_flush */
    {.name = "message.max.bytes", .value = "1000000000"}, /* Kafka decides what is too large */
    {.name = "socket.timeout.ms", .value = "10000"},
    {.name = "request.timeout.ms", .value = "10000"},
    {.name = "socket.connection.setup.timeout.ms", .value = "10000"},
    {.name = "reconnect.backoff.max.ms", .value = "5000"},
    {.name = "allow.auto.create.topics", .value = "false"}, /* the topic is created by our options */
};

static bool make_client(struct producer *p, const struct kafka_property *required, size_t required_count,
                        struct error *error)
{
    rd_kafka_conf_t *conf =
        kafka_conf_new(RD_KAFKA_PRODUCER, &p->settings->kafka, defaults, sizeof defaults / sizeof *defaults,
                       required, required_count, error);
    if (!conf)
        return false;
    if (!kafka_unanswered_watch(conf, &p->unanswered, error)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, p);
    if (p->statistics) {
        /* The user's own interval may be too long, or 0, to show whether Kafka answers. */
        rd_kafka_conf_set(conf, "statistics.interval.ms", "1000", NULL, 0);
        rd_kafka_conf_set_stats_cb(conf, on_statistics);
    }
    p->rk = kafka_new(RD_KAFKA_PRODUCER, conf, error);
    return p->rk != NULL;
}

struct producer *producer_open(const struct bridge_settings *settings, const struct kafka_property *required,
                               size_t required_count, producer_report *report, void *context,
                               struct counters *statistics, struct error *error)
{
    struct producer *p = calloc(1, sizeof *p);
    struct slot *slots = calloc((size_t)settings->window, sizeof *slots);
    if (!p || !slots)
        out_of_memory((size_t)settings->window * sizeof *slots);
    p->settings = settings;
    p->report = report;
    p->context = context;
    p->statistics = statistics;
    p->slots = slots;
    for (int64_t i = 0; i < settings->window; i++) {
        slots[i].next_free = p->free_slots;
        p->free_slots = &slots[i];
    }
    if (make_client(p, required, required_count, error))
        return p;
    producer_close(p);
    return NULL;
}

void producer_close(struct producer *p)
{
    p->closing = true;
    if (p->rk) {
        rd_kafka_purge(p->rk,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        if (!kafka_destroy(p->rk))
            return; /* its callbacks may still refer to the producer */
    }
    free(p->slots);
    free(p);
}

static enum producer_result refusal(const struct producer *p, rd_kafka_error_t *failure, struct error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_error_code(failure);
    error_set(error, "%s", rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL && p->in_flight > 0)
        return PRODUCER_FULL;
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        error_set(error, "it is larger than queue.buffering.max.kbytes allows");
        return PRODUCER_REFUSED;
    }
    if (kafka_topic_is_missing(err))
        return PRODUCER_NO_TOPIC;
    return kafka_error_is_permanent(err) ? PRODUCER_REFUSED : PRODUCER_LATER;
}

/* False with *error: librdkafka cannot make the topic's handle. */
static bool use_topic(struct producer *p, struct destination *to, struct error *error)
{
    if (!to->topic)
        to->topic = rd_kafka_topic_new(p->rk, to->name, NULL);
    return to->topic ||
           error_set(error, "Kafka topic '%s': %s", to->name, rd_kafka_err2str(rd_kafka_last_error()));
}

enum producer_result producer_produce(struct producer *p, const struct spool_record *record,
                                      const struct routed *routed, enum timestamp timestamp,
                                      struct error *error)
{
    size_t size = counters_size(record);
    struct kafka_message message;
    struct slot *slot = p->free_slots;
    if (!slot || (p->in_flight > 0 && p->bytes_in_flight + size > (size_t)p->settings->window_bytes))
        return PRODUCER_FULL;
    if (!use_topic(p, routed->to, error))
        return PRODUCER_LATER;
    if (!translate_to_kafka(record, &routed->key, timestamp, &message)) {
        error_set(error, "out of memory");
        return PRODUCER_LATER;
    }
    slot->message = (struct produced){.id = record->id,
                                      .time = record->time,
                                      .size = size,
                                      .timestamp = timestamp,
                                      .to = routed->to,
                                      .route = routed->route};
    p->free_slots = slot->next_free;
    const rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = routed->to->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)message.value, message.value_length}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)message.key, message.key_length}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message.timestamp},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = message.headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = slot},
    };
    rd_kafka_error_t *failure = rd_kafka_produceva(p->rk, fields, sizeof fields / sizeof *fields);
    if (failure) {
        rd_kafka_headers_destroy(message.headers);
        p->free_slots = slot;
        return refusal(p, failure, error);
    }
    p->in_flight++;
    routed->to->in_flight++;
    p->bytes_in_flight += size;
    return PRODUCER_TAKEN;
}

void producer_poll(struct producer *p, int64_t timeout)
{
    rd_kafka_poll(p->rk, (int)(timeout / MILLISECOND));
}

void producer_flush(struct producer *p, int64_t timeout)
{
    rd_kafka_flush(p->rk, (int)(timeout / MILLISECOND));
}

size_t producer_in_flight(const struct producer *p)
{
    return p->in_flight;
}

bool producer_fatal(const struct producer *p, struct error *error)
{
    char reason[512];
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(p->rk, reason, sizeof reason);
    if (err)
        error_set(error, "%s: %s", rd_kafka_err2name(err), reason);
    return err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool producer_cluster_changed(const struct producer *p, char **known)
{
    char *id = rd_kafka_clusterid(p->rk, 0);
    if (!id || (*known && strcmp(id, *known) == 0)) {
        rd_kafka_mem_free(p->rk, id);
        return false;
    }
    bool changed = *known != NULL;
    free(*known);
    *known = strdup(id);
    rd_kafka_mem_free(p->rk, id);
    return changed;
}

const struct kafka_unanswered *producer_unanswered(const struct producer *p)
{
    return &p->unanswered;
}

rd_kafka_t *producer_handle(const struct producer *p)
{
    return p->rk;
}
