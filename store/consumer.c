#include "consumer.h"

#include "assignment.h"
#include "headers.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "core/stop.h"
#include "kafka/errors.h"
#include "kafka/member.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE_MS = 100 };
static const int64_t tick_interval = SECOND;
static const int64_t patience = 2 * SECOND; /* with a busy database, before nothing more is read */

struct consumer {
    const struct store_settings *settings;
    struct progress *progress;
    rd_kafka_t *rk;
    pthread_mutex_t queue_mutex; /* the writer's thread wakes by the queue */
    rd_kafka_queue_t *queue;
    bool client_left; /* a client that did not end, and refers to us */
    struct handover handover;
    struct batch *open; /* being filled */
    struct assignment assignment;
    bool waiting_long; /* for the writer, with a full batch */
    bool assigned;     /* partitions, at least once */
    bool failed;
    bool fenced;
    struct kafka_fencing fencing;
    int64_t next_tick;
    struct log_limit unavailable, rejected;
};

static void wake(void *context)
{
    struct consumer *c = context;
    pthread_mutex_lock(&c->queue_mutex);
    if (c->queue)
        rd_kafka_queue_yield(c->queue);
    pthread_mutex_unlock(&c->queue_mutex);
}

/* ---- messages ---- */

static void tell_rejected(struct consumer *c, const char *topic, const rd_kafka_message_t *from,
                          const char *reason)
{
    log_limited(&c->rejected, LOG_LEVEL_WARNING, message_rejected,
                LOG_FIELDS(LOG_TEXT("topic", topic), LOG_NUMBER("partition", from->partition),
                           LOG_NUMBER("offset", from->offset)),
                "topic '%s', partition %d, offset %" PRId64 " goes to the table reject: %s", topic,
                (int)from->partition, from->offset, reason);
}

static void read_payload(struct consumer *c, const char *topic, const rd_kafka_message_t *from)
{
    struct message *message = &c->open->messages[c->open->message_count - 1];
    const struct incoming incoming = {topic, message->key, message->payload, message->timestamp};
    struct error reason;
    if (reader_read(&c->settings->reader, &incoming, c->open, &reason))
        return;
    batch_reject(c->open, message, reason.text);
    tell_rejected(c, topic, from, reason.text);
}

static void add(struct consumer *c, struct place *place, const rd_kafka_message_t *from)
{
    struct batch *batch = c->open;
    struct part *part = batch_part(batch, place->id, place->topic, place->partition, place->position);
    rd_kafka_timestamp_type_t type;
    struct message *message = batch_message(batch);
    part->next = place->position = place->from = from->offset + 1;
    message->part = (size_t)(part - batch->parts);
    message->offset = from->offset;
    message->timestamp = rd_kafka_message_timestamp(from, &type);
    message->key = batch_copy(batch, from->key, from->key_len);
    message->payload = batch_copy(batch, from->payload, from->len);
    if (c->settings->raw) {
        message->kind = MESSAGE_RAW;
        message->headers = headers_json(batch, from);
    }
    batch->bytes += message->key.length + message->payload.length + message->headers.length;
    if (!c->settings->raw)
        read_payload(c, place->topic, from);
}

static void take(struct consumer *c, const rd_kafka_message_t *message)
{
    struct place *place =
        assignment_find(&c->assignment, rd_kafka_topic_name(message->rkt), message->partition);
    if (place && assignment_accepts(&c->assignment, place, message))
        add(c, place, message);
}

/* Most errors are temporary, and librdkafka continues by itself. */
static void on_error(struct consumer *c, const rd_kafka_message_t *message)
{
    char reason[KAFKA_ERROR_SIZE];
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        struct place *place =
            message->rkt
                ? assignment_find(&c->assignment, rd_kafka_topic_name(message->rkt), message->partition)
                : NULL;
        if (place)
            assignment_lost_offset(&c->assignment, place);
        return;
    }
    const char *text = kafka_explain(message->err, rd_kafka_message_errstr(message), reason);
    progress_kafka(c->progress, text);
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        c->fenced = kafka_is_fenced(c->rk);
        if (c->fenced)
            return;
        log_error(kafka_failed, "%s", text);
        c->failed = true;
        return;
    }
    log_limited(&c->unavailable, LOG_LEVEL_WARNING, kafka_unavailable, LOG_FIELDS(LOG_TEXT("reason", text)),
                "%s", text);
}

/* ---- between messages ---- */

static bool is_full(const struct consumer *c)
{
    return c->open->message_count >= (size_t)c->settings->batch ||
           c->open->bytes >= (size_t)c->settings->batch_bytes;
}

static void offer(struct consumer *c)
{
    const struct place *behind = kafka_looks_late() ? assignment_behind(&c->assignment, c->open) : NULL;
    FAILPOINT("store-offer");
    handover_offer(&c->handover, &c->open);
    if (behind)
        assignment_ask_end(&c->assignment, behind);
}

/* Waits for the writer. Where that takes long nothing more is read, so that memory stays bounded and the
 * group still hears from us; then reading begins where the database stands. */
static void wait_for_room(struct consumer *c)
{
    int64_t until = clock_monotonic() + patience;
    if (c->waiting_long)
        return;
    while (!stop_requested() && clock_monotonic() < until)
        if (handover_wait(&c->handover, 100 * MILLISECOND))
            return;
    c->waiting_long = true;
    if (assignment_let_go(&c->assignment))
        log_debug(reading_stopped, "the database is busy or away: no more messages are read for now");
}

static void begin_again(struct consumer *c)
{
    batch_clear(c->open);
    assignment_let_go(&c->assignment);
}

static void serve(struct consumer *c)
{
    struct question reply;
    if (handover_must_start_over(&c->handover))
        begin_again(c);
    if (is_full(c) && !handover_is_idle(&c->handover))
        wait_for_room(c);
    if (is_full(c))
        offer(c);
    if (!is_full(c))
        c->waiting_long = false;
    if (handover_reply(&c->handover, &reply)) {
        assignment_place(&c->assignment, &reply, c->settings->offset == OFFSET_END);
        question_free(&reply);
    }
    /* The question comes after all that was read so far. */
    if (c->open->message_count == 0 && assignment_question(&c->assignment, &reply))
        handover_ask(&c->handover, reply);
}

static void tick(struct consumer *c, void (*told)(void *context), void *context)
{
    if (clock_monotonic() < c->next_tick)
        return;
    c->next_tick = clock_monotonic() + tick_interval;
    assignment_tick(&c->assignment);
    told(context);
}

/* ---- the group: called between messages, on the same thread ---- */

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    struct consumer *c = opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        c->assigned = true;
        assignment_gain(&c->assignment, list);
        rd_kafka_yield(rk); /* their positions are asked for at once */
        return;
    }
    /* The next member begins where the database stands: so what is on its way is written first, where that
     * goes quickly. It may be written later as well, or not at all: the positions decide. */
    if (!rd_kafka_assignment_lost(rk) && handover_wait(&c->handover, patience) &&
        c->open->message_count > 0) {
        offer(c);
        handover_wait(&c->handover, patience);
    }
    assignment_lose(&c->assignment, list);
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                      void *opaque)
{
    (void)rk, (void)list, (void)opaque;
    if (err && err != RD_KAFKA_RESP_ERR__NO_OFFSET)
        log_debug(offset_not_committed,
                  "Kafka's group does not take our position, which is a hint for others: %s",
                  rd_kafka_err2str(err));
}

static int on_statistics(rd_kafka_t *rk, char *json, size_t length, void *opaque)
{
    struct consumer *c = opaque;
    (void)rk, (void)length;
    /* Is the connection to any broker up? */
    if (strstr(json, "\"state\":\"UP\""))
        progress_kafka(c->progress, "");
    return 0;
}

static bool make_client(struct consumer *c, struct error *error)
{
    const struct kafka_property defaults[] = {
        KAFKA_MEMBER_DEFAULTS,
        {.name = "client.id", .value = "roomstream-store"},
        /* Memory: what librdkafka reads ahead. */
        {.name = "queued.min.messages", .value = "4000"},
        {.name = "queued.max.messages.kbytes", .value = "1024"},
        {.name = "fetch.message.max.bytes", .value = "262144"},
        {.name = "fetch.queue.backoff.ms", .value = "10"}, /* the last one: see kafka_looks_late() */
    };
    const size_t default_count = sizeof defaults / sizeof *defaults - kafka_looks_late();
    const struct kafka_property required[] = {
        KAFKA_MEMBER_REQUIRED("the position is kept in the database",
                              "what is rolled back must not be stored"),
        {.name = "group.id", .value = c->settings->group},
    };
    rd_kafka_conf_t *conf = kafka_conf_new(RD_KAFKA_CONSUMER, &c->settings->kafka, defaults, default_count,
                                           required, sizeof required / sizeof *required, error);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    c->rk = kafka_new(RD_KAFKA_CONSUMER, conf, error);
    return c->rk != NULL;
}

static bool open_client(struct consumer *c, struct error *error)
{
    if (!make_client(c, error))
        return false;
    assignment_use(&c->assignment, c->rk);
    rd_kafka_poll_set_consumer(c->rk);
    pthread_mutex_lock(&c->queue_mutex);
    c->queue = rd_kafka_queue_get_consumer(c->rk);
    pthread_mutex_unlock(&c->queue_mutex);
    return kafka_member_subscribe(c->rk, &c->settings->topics, error);
}

static bool leave(struct consumer *c)
{
    struct error error;
    assignment_commit(&c->assignment);
    if (kafka_member_leave(c->rk, c->queue, &error))
        return true;
    log_warning(group_not_left, "cannot leave the group properly: %s. It misses us after session.timeout.ms",
                error.text);
    return false;
}

static void close_client(struct consumer *c)
{
    if (!c->queue)
        return;
    bool left = rd_kafka_fatal_error(c->rk, NULL, 0) || leave(c);
    assignment_use(&c->assignment, NULL);
    pthread_mutex_lock(&c->queue_mutex);
    rd_kafka_queue_destroy(c->queue);
    c->queue = NULL;
    pthread_mutex_unlock(&c->queue_mutex);
    if (!left || !kafka_member_destroy(c->rk, c->assigned))
        c->client_left = true;
    c->rk = NULL;
    c->assigned = false;
}

/* ---- the loop ---- */

static void join_again(struct consumer *c, void (*told)(void *context), void *context)
{
    struct error error;
    int64_t now = clock_monotonic(), wait = kafka_fenced(&c->fencing);
    close_client(c);
    while (clock_monotonic() - now < wait && !stop_wait(100 * MILLISECOND))
        tick(c, told, context);
    c->fenced = false;
    if (stop_requested() || open_client(c, &error))
        return;
    log_error(kafka_failed, "%s", error.text);
    c->failed = true;
}

bool consumer_run(struct consumer *c, void (*told)(void *context), void *context)
{
    while (!stop_requested() && !c->failed) {
        bool idle = handover_is_idle(&c->handover), waiting = c->open->message_count > 0;
        rd_kafka_message_t *message = rd_kafka_consume_queue(c->queue, idle && waiting ? 0 : IDLE_MS);
        if (message && message->err)
            on_error(c, message);
        else if (message)
            take(c, message);
        else if (waiting && idle)
            offer(c);
        if (message)
            rd_kafka_message_destroy(message);
        if (!message || is_full(c))
            serve(c);
        tick(c, told, context);
        if (c->fenced)
            join_again(c, told, context);
    }
    return !c->failed;
}

struct consumer *consumer_open(const struct store_settings *settings, struct progress *progress,
                               struct error *error)
{
    struct consumer *c = calloc(1, sizeof *c);
    if (!c)
        out_of_memory(sizeof *c);
    c->settings = settings;
    c->progress = progress;
    c->open = batch_new();
    c->unavailable.interval = c->rejected.interval = 30 * SECOND;
    c->fencing = kafka_fencing_new();
    pthread_mutex_init(&c->queue_mutex, NULL);
    handover_init(&c->handover, wake, c);
    assignment_init(&c->assignment, progress);
    if (open_client(c, error))
        return c;
    consumer_close(c);
    return NULL;
}

struct handover *consumer_handover(struct consumer *c)
{
    return &c->handover;
}

/* ---- the end ---- */

bool consumer_drain(struct consumer *c, int64_t ns)
{
    if (c->open->message_count > 0 && handover_wait(&c->handover, ns) &&
        !handover_must_start_over(&c->handover))
        offer(c);
    handover_end(&c->handover);
    return !handover_is_idle(&c->handover);
}

bool consumer_close(struct consumer *c)
{
    batch_clear(c->open);
    close_client(c);
    if (c->client_left)
        return false;
    pthread_mutex_destroy(&c->queue_mutex);
    handover_free(&c->handover);
    assignment_free(&c->assignment);
    batch_free(c->open);
    free(c);
    return true;
}
