#include "dead_letter_topic.h"

#include "core/clock.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "core/thread.h"
#include "errors.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_MS = 100, LAST_MS = 1000 };

static const int64_t answer_time = SECOND / 2, look_interval = 5 * SECOND;

struct dead_letter_topic {
    const struct kafka_settings *kafka;
    struct kafka_topic_settings topic;
    const char *from;
    rd_kafka_t *rk;
    pthread_t thread;
    bool running;
    atomic_bool stopping;
    _Atomic uint64_t announced, given_up;
    struct log_limit failures;
};

static void give_up(struct dead_letter_topic *d, const char *reason)
{
    atomic_fetch_add(&d->given_up, 1);
    log_limited(
        &d->failures, LOG_LEVEL_WARNING, dead_letter_not_announced,
        LOG_FIELDS(LOG_TEXT("topic", d->topic.name), LOG_TEXT("reason", reason)),
        "a dead letter is not announced in the Kafka topic '%s': %s. It is in the log (dead-letters list)",
        d->topic.name, reason);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct dead_letter_topic *d = opaque;
    char reason[KAFKA_ERROR_SIZE];
    (void)rk;
    if (message->err)
        give_up(d, kafka_describe(message->err, reason));
    else
        atomic_fetch_add(&d->announced, 1);
}

/* ---- its thread ---- */

static bool ensure_topic(struct dead_letter_topic *d)
{
    struct error error;
    enum kafka_topic_result result = kafka_topic_ensure(d->rk, d->kafka, &d->topic, answer_time, &error);
    if (result == KAFKA_TOPIC_DENIED)
        log_limited(&d->failures, LOG_LEVEL_WARNING, dead_letter_not_announced,
                    LOG_FIELDS(LOG_TEXT("topic", d->topic.name), LOG_TEXT("reason", error.text)),
                    "dead letters cannot be announced: %s", error.text);
    return result == KAFKA_TOPIC_READY;
}

static void *run(void *context)
{
    struct dead_letter_topic *d = context;
    bool ready = false;
    int64_t next_look = 0;
    while (!atomic_load(&d->stopping)) {
        if (!ready && clock_monotonic() >= next_look) {
            ready = ensure_topic(d);
            next_look = clock_monotonic() + look_interval;
        }
        rd_kafka_poll(d->rk, STEP_MS);
    }
    rd_kafka_flush(d->rk, LAST_MS);
    return NULL;
}

/* ---- opening and closing ---- */

static bool make_client(struct dead_letter_topic *d, struct error *error)
{
    static const struct kafka_property defaults[] = {
        {.name = "queue.buffering.max.messages", .value = "1000"},
        {.name = "queue.buffering.max.kbytes", .value = "1024"},
        {.name = "reconnect.backoff.max.ms", .value = "5000"},
        {.name = "allow.auto.create.topics", .value = "false"},
    };
    /* What the bridge's own producer may be told, and this one must not. */
    static const struct kafka_property required[] = {
        {.name = "message.timeout.ms", .value = "300000"},
        {.name = "statistics.interval.ms", .value = "0"},
    };
    rd_kafka_conf_t *conf =
        kafka_conf_new(RD_KAFKA_PRODUCER, d->kafka, defaults, sizeof defaults / sizeof *defaults, required,
                       sizeof required / sizeof *required, error);
    if (!conf)
        return false;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, d);
    d->rk = kafka_new(RD_KAFKA_PRODUCER, conf, error);
    return d->rk != NULL;
}

struct dead_letter_topic *dead_letter_topic_open(const struct kafka_settings *kafka, const char *name,
                                                 const struct kafka_topic_settings *like, const char *from,
                                                 struct error *error)
{
    struct dead_letter_topic *d = calloc(1, sizeof *d);
    if (!d)
        out_of_memory(sizeof *d);
    d->kafka = kafka;
    d->topic = *like;
    d->topic.name = name;
    d->from = from;
    d->failures.interval = 30 * SECOND;
    if (make_client(d, error)) {
        int reason = thread_start(&d->thread, run, d);
        d->running = reason == 0;
        if (d->running)
            return d;
        error_set(error, "cannot start a thread: %s", strerror(reason));
    }
    dead_letter_topic_close(d);
    return NULL;
}

void dead_letter_topic_close(struct dead_letter_topic *d)
{
    if (!d)
        return;
    atomic_store(&d->stopping, true);
    if (d->running)
        pthread_join(d->thread, NULL);
    int left = d->rk ? rd_kafka_outq_len(d->rk) : 0;
    if (left > 0)
        log_warning_with(
            dead_letter_not_announced,
            LOG_FIELDS(LOG_TEXT("topic", d->topic.name), LOG_NUMBER("count", left)),
            "%d dead letters are not announced in the Kafka topic '%s': Kafka did not take them before the end. They are in the log (dead-letters list)",
            left, d->topic.name);
    if (d->rk) {
        rd_kafka_purge(d->rk,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        if (!kafka_destroy(d->rk))
            return; /* its callbacks may still refer to it */
    }
    free(d);
}

/* ---- any thread ---- */

/* The record's value; the caller frees it. */
static char *describe(const struct dead_letter_topic *d, const struct spool_record *letter)
{
    char time[CLOCK_RFC3339_SIZE];
    json_t *value = json_object();
    clock_rfc3339(letter->time, time);
    json_object_set_new(value, "from", json_string(d->from));
    json_object_set_new(value, "id", json_integer((json_int_t)letter->id));
    json_object_set_new(value, "time", json_string(time));
    json_set_bytes(value, "topic", letter->topic.data, letter->topic.length);
    json_object_set_new(value, "bytes", json_integer((json_int_t)letter->payload.length));
    json_set_bytes(value, "reason", letter->reason.data, letter->reason.length);
    char *text = json_dumps(value, JSON_COMPACT);
    json_decref(value);
    return text;
}

bool dead_letter_topic_announce(void *context, const struct spool_record *letter)
{
    struct dead_letter_topic *d = context;
    char reason[KAFKA_ERROR_SIZE];
    char *value = describe(d, letter);
    if (!value)
        out_of_memory(letter->topic.length);
    const rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = d->topic.name},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)letter->topic.data, letter->topic.length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value, strlen(value)}},
    };
    rd_kafka_error_t *failure = rd_kafka_produceva(d->rk, fields, sizeof fields / sizeof *fields);
    if (failure)
        give_up(d, kafka_describe(rd_kafka_error_code(failure), reason));
    rd_kafka_error_destroy(failure);
    free(value);
    return true;
}

struct dead_letter_topic_counts dead_letter_topic_counts(const struct dead_letter_topic *d)
{
    return d ? (struct dead_letter_topic_counts){atomic_load(&d->announced), atomic_load(&d->given_up)}
             : (struct dead_letter_topic_counts){0};
}
