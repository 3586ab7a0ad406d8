#include "consumer.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "kafka/errors.h"
#include "kafka/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t patience = 2 * SECOND; /* with what is in flight, when partitions go */
static const int64_t silence = 30 * SECOND; /* statistics come every second */

struct consumer {
    const struct downlink_settings *settings;
    struct consumer_owner owner;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* the group's: no messages come to it */
    struct partitions partitions;
    bool assigned; /* partitions, at least once */
    bool failed;
    bool fenced;
    bool client_left; /* one that did not end, and refers to us */
    struct kafka_fencing fencing;
    int64_t rejoin; /* monotonic ns: while there is no client */
    int64_t heard;  /* monotonic ns: of the last sign of life; 0: none */
    char trouble[640];
    struct log_limit unavailable;
};

/* ---- what Kafka says ---- */

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    struct consumer *c = opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        c->assigned = true;
        partitions_gain(&c->partitions, list);
        return;
    }
    /* Another member may have them already: then nothing can be committed. */
    bool lost = rd_kafka_assignment_lost(rk);
    if (!lost)
        c->owner.settle(c->owner.context, patience);
    partitions_lose(&c->partitions, list, lost ? 0 : patience);
}

static int on_statistics(rd_kafka_t *rk, char *json, size_t length, void *opaque)
{
    struct consumer *c = opaque;
    (void)rk, (void)length;
    /* Is the connection to any broker up? */
    if (strstr(json, "\"state\":\"UP\"")) {
        c->heard = clock_monotonic();
        c->trouble[0] = '\0';
    }
    return 0;
}

/* Most errors are temporary, and librdkafka continues by itself. */
static void on_error(struct consumer *c, const rd_kafka_message_t *message)
{
    char reason[KAFKA_ERROR_SIZE];
    const char *text = kafka_explain(message->err, rd_kafka_message_errstr(message), reason);
    snprintf(c->trouble, sizeof c->trouble, "%s", text);
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

/* ---- life ---- */

static bool make_client(struct consumer *c, struct error *error)
{
    const struct kafka_property defaults[] = {
        KAFKA_MEMBER_DEFAULTS,
        {.name = "client.id", .value = "roomstream-downlink"},
        /* Memory: what librdkafka reads ahead. */
        {.name = "queued.min.messages", .value = "10000"},
        {.name = "queued.max.messages.kbytes", .value = "2048"},
        {.name = "fetch.message.max.bytes", .value = "524288"},
    };
    const struct kafka_property required[] = {
        KAFKA_MEMBER_REQUIRED("only what the MQTT broker has is committed",
                              "what is rolled back must not be sent"),
        {.name = "enable.partition.eof", .value = "true", .why = "the end of a partition moves the position"},
        {.name = "group.id", .value = c->settings->group},
    };
    rd_kafka_conf_t *conf =
        kafka_conf_new(RD_KAFKA_CONSUMER, &c->settings->kafka, defaults, sizeof defaults / sizeof *defaults,
                       required, sizeof required / sizeof *required, error);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    c->rk = kafka_new(RD_KAFKA_CONSUMER, conf, error);
    return c->rk != NULL;
}

static bool open_client(struct consumer *c, struct error *error)
{
    static const uint64_t one = 1; /* what an eventfd is raised by */
    if (!make_client(c, error))
        return false;
    rd_kafka_poll_set_consumer(c->rk);
    c->queue = rd_kafka_queue_get_consumer(c->rk);
    rd_kafka_queue_io_event_enable(c->queue, c->partitions.event, &one, sizeof one);
    partitions_use(&c->partitions, c->rk, c->queue);
    return true;
}

/* What belongs to a client goes before it. */
static void close_client(struct consumer *c)
{
    partitions_use(&c->partitions, NULL, NULL);
    c->owner.let_go(c->owner.context);
    rd_kafka_queue_destroy(c->queue);
    c->queue = NULL;
    if (!kafka_member_destroy(c->rk, c->assigned))
        c->client_left = true;
    c->rk = NULL;
    c->assigned = c->fenced = false;
}

struct consumer *consumer_open(const struct downlink_settings *settings, const struct consumer_owner *owner,
                               int event, struct counts *counts, struct error *error)
{
    struct consumer *c = calloc(1, sizeof *c);
    if (!c)
        out_of_memory(sizeof *c);
    c->settings = settings;
    c->owner = *owner;
    c->unavailable.interval = 30 * SECOND;
    c->fencing = kafka_fencing_new();
    partitions_init(&c->partitions, settings->offset == OFFSET_END, event, counts);
    if (open_client(c, error))
        return c;
    consumer_close(c);
    return NULL;
}

bool consumer_join(struct consumer *c, struct error *error)
{
    return kafka_member_subscribe(c->rk, &c->settings->topics, error);
}

static void join_again(struct consumer *c)
{
    struct error error;
    if (clock_monotonic() < c->rejoin || (open_client(c, &error) && consumer_join(c, &error)))
        return;
    log_error(kafka_failed, "%s", error.text);
    c->failed = true;
}

void consumer_serve(struct consumer *c)
{
    rd_kafka_message_t *message;
    if (!c->rk)
        join_again(c);
    while (c->queue && (message = rd_kafka_consume_queue(c->queue, 0))) {
        if (message->err)
            on_error(c, message);
        rd_kafka_message_destroy(message);
    }
    if (!c->fenced)
        return;
    c->rejoin = clock_monotonic() + kafka_fenced(&c->fencing);
    close_client(c);
}

struct partitions *consumer_partitions(struct consumer *c)
{
    return &c->partitions;
}

bool consumer_has_failed(const struct consumer *c)
{
    return c->failed;
}

struct consumer_state consumer_state(const struct consumer *c)
{
    bool heard = c->heard && clock_monotonic() - c->heard < silence;
    const char *name = heard ? "connected" : c->heard || *c->trouble ? "unreachable" : "connecting";
    return (struct consumer_state){name, *c->trouble ? c->trouble : partitions_trouble(&c->partitions)};
}

static bool leave(struct consumer *c)
{
    struct error error;
    if (kafka_member_leave(c->rk, c->queue, &error))
        return true;
    log_warning(group_not_left, "cannot leave the group properly: %s. It misses us after session.timeout.ms",
                error.text);
    return false;
}

bool consumer_close(struct consumer *c)
{
    if (!c)
        return true;
    bool left = !c->client_left && (!c->queue || rd_kafka_fatal_error(c->rk, NULL, 0) || leave(c));
    if (left)
        partitions_free(&c->partitions);
    if (c->queue)
        rd_kafka_queue_destroy(c->queue);
    if (!left || (c->rk && !kafka_member_destroy(c->rk, c->assigned)))
        return false;
    free(c);
    return true;
}
