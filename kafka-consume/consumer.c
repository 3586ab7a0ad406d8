#include "consumer.h"

#include "core/backoff.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "core/stop.h"
#include "core/waiting.h"
#include "ends.h"
#include "group.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "partitions.h"
#include "writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IDLE_MS = 100 }; /* how soon a signal and the end of the reader are noticed when no messages arrive */
static const int64_t ends_interval = SECOND; /* between questions for the ends of partitions */

struct consumer {
    const struct consume_settings *settings;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct group group;            /* with --group */
    struct partitions *partitions; /* without */
    bool started;                  /* there is something in the queue, or will be */
    struct backoff backoff;        /* before */
    int64_t next_start;
    struct writer writer;
    int64_t printed;   /* messages */
    struct ends ends;  /* with --until-end */
    int64_t next_ends; /* monotonic ns: when to ask again for unknown ends */
    int64_t deadline;  /* monotonic ns, 0: none */
    bool ended, failed, timed_out;
    struct log_limit unavailable, uncommitted;
};

static void fail(struct consumer *c, const char *event, const char *message)
{
    log_write(LOG_LEVEL_ERROR, event, LOG_NO_FIELDS, "%s", message);
    c->failed = c->ended = true;
}

/* Kafka cannot answer now; the request is repeated later. */
static void log_unavailable(struct consumer *c, const char *reason)
{
    log_limited(&c->unavailable, LOG_LEVEL_WARNING, kafka_unavailable, LOG_FIELDS(LOG_TEXT("reason", reason)),
                "%s", reason);
}

/* ---- the output ---- */

/* The messages so far are written: their position may be committed. */
static void on_written(struct consumer *c)
{
    if (c->settings->group)
        group_store(&c->group);
}

/* Writes out the buffer. Where that fails the position stays before it. */
static void flush(struct consumer *c)
{
    if (writer_flush(&c->writer))
        on_written(c);
    else
        c->ended = true;
}

static void print(struct consumer *c, const rd_kafka_message_t *message)
{
    format_print(c->settings->format, message, writer_put, &c->writer);
    if (c->settings->group)
        group_note(&c->group, message);
    bool written = writer_end_message(&c->writer);
    if (c->writer.state != WRITER_OPEN)
        c->ended = true;
    else if (written)
        on_written(c);
    if (++c->printed == c->settings->count)
        c->ended = true;
}

/* ---- the ends of partitions ---- */

static void end_at_ends(struct consumer *c)
{
    if (ends_all_reached(&c->ends))
        c->ended = true;
}

/* Asks for the unknown ends, when that is due. */
static void look_up_ends(struct consumer *c)
{
    struct error error;
    if (!c->ends.due || clock_monotonic() < c->next_ends)
        return;
    if (!ends_complete(&c->ends, c->rk, &error))
        log_unavailable(c, error.text);
    c->next_ends = clock_monotonic() + ends_interval;
}

static void set_partitions(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
    if (list->cnt > 0 && !c->settings->until_end && !c->settings->quiet)
        waiting_tell(&c->settings->topics);
    if (!c->settings->until_end)
        return;
    ends_assign(&c->ends, list);
    look_up_ends(c);
    end_at_ends(c);
}

/* Prints the message, unless it is after the end. */
static void take(struct consumer *c, const rd_kafka_message_t *message)
{
    if (!c->settings->until_end || ends_take(&c->ends, c->rk, message))
        print(c, message);
    end_at_ends(c);
}

/* ---- the group: callbacks on the same thread, between messages ---- */

/* librdkafka's two ways of rebalancing: all partitions at once, or those that change. */
static void change_assignment(struct consumer *c, const rd_kafka_topic_partition_list_t *list, bool gained)
{
    bool cooperative = strcmp(rd_kafka_rebalance_protocol(c->rk), "COOPERATIVE") == 0;
    rd_kafka_error_t *failure = NULL;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (cooperative)
        failure =
            gained ? rd_kafka_incremental_assign(c->rk, list) : rd_kafka_incremental_unassign(c->rk, list);
    else
        err = rd_kafka_assign(c->rk, gained ? list : NULL);
    if (failure) {
        err = rd_kafka_error_code(failure);
        rd_kafka_error_destroy(failure);
    }
    if (err)
        log_warning(partitions_failed, "cannot %s partitions: %s", gained ? "take" : "give up",
                    rd_kafka_err2str(err));
}

static void follow_assignment(struct consumer *c)
{
    rd_kafka_topic_partition_list_t *all = NULL;
    if (rd_kafka_assignment(c->rk, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    log_info_with(partitions_assigned, LOG_FIELDS(LOG_NUMBER("partitions", all->cnt)),
                  "partitions assigned: %d", all->cnt);
    set_partitions(c, all);
    rd_kafka_topic_partition_list_destroy(all);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    struct consumer *c = opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        change_assignment(c, list, true);
        follow_assignment(c);
        return;
    }
    /* The next member begins after what is stored now. If the partitions are lost it has already begun, and
     * prints what is not printed here. */
    if (rd_kafka_assignment_lost(rk)) {
        log_warning(
            partitions_lost,
            "the group has given this member's partitions to others, because it did not poll for too long");
        writer_discard(&c->writer);
        group_forget(&c->group);
    } else
        flush(c);
    change_assignment(c, list, false);
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *offsets,
                      void *opaque)
{
    struct consumer *c = opaque;
    (void)rk;
    (void)offsets;
    if (!err || err == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    log_limited(&c->uncommitted, LOG_LEVEL_WARNING, commit_failed, LOG_NO_FIELDS,
                "cannot commit the position now: %s", rd_kafka_err2str(err));
}

/* ---- starting ---- */

static const char *reset_policy(const struct consume_settings *settings)
{
    switch (settings->start.kind) {
    case START_END:
        return "latest";
    case START_OFFSET:
        return "error";
    case START_BEGINNING:
    case START_STORED:
    case START_TAIL:
    case START_TIME:
    default:
        return "earliest";
    }
}

static bool make_client(struct consumer *c, struct error *error)
{
    const struct consume_settings *settings = c->settings;
    bool needs_eof = settings->until_end || settings->start.kind == START_TAIL;
    const struct kafka_property defaults[] = {
        {.name = "auto.offset.reset", .value = reset_policy(settings)},
        {.name = "isolation.level", .value = "read_committed"},
        {.name = "auto.commit.interval.ms", .value = "1000"},
        {.name = "queued.max.messages.kbytes", .value = "16384"},
        {.name = "topic.metadata.refresh.interval.ms", .value = "10000"}, /* new topics and partitions */
        {.name = "reconnect.backoff.max.ms", .value = "2000"},
        {.name = "fetch.wait.max.ms",
         .value = needs_eof ? "100" : "500"}, /* EOF is reported after such a wait */
    };
    const struct kafka_property required[] = {
        {.name = "enable.auto.commit",
         .value = settings->group ? "true" : "false",
         .why = "positions are committed with --group, after the output was written"},
        {.name = "enable.auto.offset.store",
         .value = "false",
         .why = "a position is committed only after the output was written"},
        {.name = "enable.partition.eof", .value = needs_eof ? "true" : "false"},
        {.name = "group.id", .value = settings->group},
    };
    size_t required_count = sizeof required / sizeof *required - (settings->group ? 0 : 1);
    rd_kafka_conf_t *conf =
        kafka_conf_new(RD_KAFKA_CONSUMER, &settings->kafka, defaults, sizeof defaults / sizeof *defaults,
                       required, required_count, error);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    c->rk = kafka_new(RD_KAFKA_CONSUMER, conf, error);
    return c->rk != NULL;
}

static bool open_source(struct consumer *c, struct error *error)
{
    if (!make_client(c, error))
        return false;
    if (!c->settings->group) {
        c->queue = rd_kafka_queue_new(c->rk);
        c->partitions = partitions_new(c->rk, c->settings, error);
        return c->partitions != NULL;
    }
    rd_kafka_poll_set_consumer(c->rk);
    c->queue = rd_kafka_queue_get_consumer(c->rk);
    c->started = true;
    return group_join(&c->group, c->rk, &c->settings->topics, error);
}

/* Without a group: starts when it is time for the next try. */
static void try_to_start(struct consumer *c)
{
    struct error error;
    if (clock_monotonic() < c->next_start)
        return;
    switch (partitions_start(c->partitions, c->queue, c->deadline, &error)) {
    case PARTITIONS_STARTED:
        c->started = true;
        set_partitions(c, partitions_list(c->partitions));
        return;
    case PARTITIONS_MISSING:
        if (c->settings->until_end) {
            fail(c, LOG_EVENT(kafka_failed), error.text);
            return;
        }
        log_unavailable(c, error.text);
        break;
    case PARTITIONS_LATER:
        log_unavailable(c, error.text);
        break;
    case PARTITIONS_FAILED:
        fail(c, LOG_EVENT(kafka_failed), error.text);
        return;
    }
    c->next_start = clock_monotonic() + backoff_next(&c->backoff);
}

/* ---- consuming ---- */

static bool ends_a_read_to_the_end(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

/* Most errors are temporary, and librdkafka continues on its own. */
static void on_error(struct consumer *c, const rd_kafka_message_t *message)
{
    char text[512], reason[KAFKA_ERROR_SIZE];
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (c->settings->until_end)
            ends_reach(&c->ends, c->rk, message->rkt, message->partition);
        end_at_ends(c);
        return;
    }
    bool no_offset = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
    if (no_offset)
        snprintf(
            text, sizeof text, "topic '%s', partition %d: %s; see what exists with --offset beginning or -1",
            rd_kafka_topic_name(message->rkt), (int)message->partition, rd_kafka_message_errstr(message));
    else
        snprintf(text, sizeof text, "%s",
                 kafka_explain(message->err, rd_kafka_message_errstr(message), reason));
    if (no_offset || message->err == RD_KAFKA_RESP_ERR__FATAL ||
        (c->settings->until_end && ends_a_read_to_the_end(message->err)))
        fail(c, LOG_EVENT(kafka_failed), text);
    else
        log_unavailable(c, text);
}

/* What is due after a batch, or when nothing arrives. */
static void look_around(struct consumer *c)
{
    if (stop_requested() || !writer_check(&c->writer))
        c->ended = true;
    else if (c->deadline && clock_monotonic() >= c->deadline)
        c->timed_out = c->ended = true;
    else if (!c->started)
        try_to_start(c);
    else
        look_up_ends(c);
}

static void consume(struct consumer *c)
{
    while (!c->ended) {
        bool idle = c->writer.length == 0;
        if (idle)
            look_around(c);
        rd_kafka_message_t *message = c->ended ? NULL : rd_kafka_consume_queue(c->queue, idle ? IDLE_MS : 0);
        if (message && message->err)
            on_error(c, message);
        else if (message)
            take(c, message);
        else if (!idle)
            flush(c);
        if (message)
            rd_kafka_message_destroy(message);
    }
}

/* ---- the end ---- */

static void close_source(struct consumer *c)
{
    struct error error;
    bool left = true;
    partitions_free(c->partitions);
    if (c->settings->group && c->group.rk)
        left = group_leave(&c->group, &error);
    if (!left)
        log_warning(group_not_left,
                    "cannot leave the group properly: %s. What was printed last may be printed again",
                    error.text);
    group_free(&c->group);
    if (c->queue)
        rd_kafka_queue_destroy(c->queue);
    /* They refer to the client's partitions, and rd_kafka_destroy waits until these are released. */
    ends_free(&c->ends);
    /* If Kafka does not answer, this would wait for a minute: the end of the process ends the client too. */
    if (c->rk && left)
        kafka_destroy(c->rk);
}

/* Says how the output ended. Returns the exit status. */
static int conclude(const struct consumer *c)
{
    if (c->writer.state == WRITER_FAILED)
        log_error(output_failed, "%s", c->writer.error.text);
    else if (c->writer.state == WRITER_STUCK)
        log_error(
            output_stuck,
            "the reader of standard output has read nothing for several seconds: the rest was not written");
    if (c->failed || c->writer.state == WRITER_FAILED || c->writer.state == WRITER_STUCK)
        return EXIT_FAILED;
    log_info_with(printed, LOG_FIELDS(LOG_NUMBER("messages", c->printed)), "printed %" PRId64 " messages",
                  c->printed);
    return c->timed_out && c->writer.state == WRITER_OPEN ? EXIT_TIMED_OUT : EXIT_DONE;
}

int consumer_run(const struct consume_settings *settings)
{
    struct consumer consumer = {
        .settings = settings,
        .backoff = {.first = SECOND / 4, .longest = 5 * SECOND},
        .deadline = settings->timeout ? clock_monotonic() + settings->timeout : 0,
        .unavailable = {.interval = 30 * SECOND},
        .uncommitted = {.interval = 30 * SECOND},
    };
    struct consumer *c = &consumer;
    struct error error;
    int status = EXIT_WRONG_USE;
    if (!writer_open(&c->writer, STDOUT_FILENO, c->deadline, &error) || !open_source(c, &error))
        log_error(start_failed, "%s", error.text);
    else {
        consume(c);
        if (c->writer.length > 0)
            flush(c);
        status = conclude(c);
    }
    close_source(c);
    writer_close(&c->writer);
    return status;
}
