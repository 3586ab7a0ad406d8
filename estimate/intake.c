#include "intake.h"

#include "reading.h"
#include "source.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "kafka/errors.h"
#include "record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 2000 }; /* most messages taken in one call */

/* A topic may get more partitions, and a clock may be wrong: a time that is still far ahead would make all
 * that follows late. */
static const int64_t growth_interval = MINUTE, most_ahead = 24 * 60 * MINUTE;

/* Readings of an input that may lie ahead of the moments: about a megabyte in all. */
enum { ROOM = 1000 };

struct intake {
    const struct estimate_settings *settings;
    struct figures *figures;
    struct source *source;
    struct join *join;
    bool *at_end; /* of the inputs */
    int64_t next_growth;
    uint64_t begun;          /* seq of the last record where it began last */
    uint64_t expired_before; /* messages, up to then */
    struct log_limit late, unreadable, foreign;
};

struct intake *intake_open(const struct estimate_settings *settings, struct figures *figures,
                           struct error *error)
{
    struct intake *in = calloc(1, sizeof *in);
    bool *at_end = calloc(settings->model.input_count, sizeof *at_end);
    if (!in || !at_end)
        out_of_memory(sizeof *in);
    *in = (struct intake){
        .settings = settings,
        .figures = figures,
        .at_end = at_end,
        .late = {.interval = MINUTE},
        .unreadable = {.interval = MINUTE},
        .foreign = {.interval = MINUTE},
    };
    in->source = source_open(&settings->kafka, settings->id, &settings->topics, settings->topic.name, error);
    if (in->source)
        return in;
    intake_close(in);
    return NULL;
}

void intake_close(struct intake *in)
{
    source_close(in->source);
    join_free(in->join);
    free(in->at_end);
    free(in);
}

/* ---- where to begin ---- */

static void tell_topic_changed(const struct source_partition *p, const char *what)
{
    log_warning_with(input_topic_changed,
                     LOG_FIELDS(LOG_TEXT("topic", p->topic), LOG_NUMBER("partition", p->number),
                                LOG_NUMBER("offset", p->low)),
                     "topic '%s', partition %d: %s. Continuing at its beginning, offset %" PRId64, p->topic,
                     (int)p->number, what, p->low);
}

/* Counts readings that Kafka deleted before they were read. Those that had been read before are no loss,
 * though inputs may be missing that would be old. */
static void choose_offset(struct source_partition *p, uint64_t *expired)
{
    char what[100];
    if (!p->has_position)
        return;
    p->next = p->position.from;
    if (p->next >= p->low && p->next <= p->high)
        return;
    if (p->next > p->high) {
        tell_topic_changed(p, "it was deleted and created again");
        p->committed = p->low;
    } else if (p->committed < p->low) {
        snprintf(what, sizeof what, "%" PRId64 " messages were deleted before they were read (retention)",
                 p->low - p->committed);
        tell_topic_changed(p, what);
        *expired += (uint64_t)(p->low - p->committed);
        p->committed = p->low;
    } else
        tell_topic_changed(p, "the last readings before the stop were deleted (retention)");
    p->next = p->low;
}

bool intake_begin(struct intake *in, uint64_t *seq, int64_t *time, struct error *error)
{
    const struct join_settings join = {
        .inputs = in->settings->model.input_count,
        .age = in->settings->age,
        .reorder = in->settings->reorder,
        .wait = in->settings->wait,
        .room = ROOM,
    };
    source_stop(in->source);
    join_free(in->join);
    in->join = join_new(&join);
    if (!source_find(in->source, error))
        return false;
    const struct position last = source_last(in->source);
    if (last.seq != in->begun) /* otherwise the same messages would be counted again */
        in->expired_before = in->figures->expired;
    in->begun = last.seq;
    in->figures->expired = in->expired_before;
    for (size_t i = 0; i < source_count(in->source); i++)
        choose_offset(source_partition(in->source, i), &in->figures->expired);
    if (last.seq > 0)
        join_resume(in->join, last.time);
    *seq = last.seq;
    *time = last.time;
    in->next_growth = clock_monotonic() + growth_interval;
    return source_start(in->source, error);
}

/* ---- taking ---- */

static size_t find_input(const struct model *model, const char *topic, int64_t node)
{
    size_t i = 0;
    while (i < model->input_count &&
           (model->inputs[i].node != node || strcmp(model->inputs[i].topic, topic) != 0))
        i++;
    return i;
}

/* Messages that were taken before a restart are not counted again. */
static void count(uint64_t *counter, bool again)
{
    *counter += !again;
}

static void ignore_unreadable(struct intake *in, const rd_kafka_message_t *message, const char *reason)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    log_limited(&in->unreadable, LOG_LEVEL_WARNING, reading_unreadable,
                LOG_FIELDS(LOG_TEXT("topic", topic), LOG_NUMBER("partition", message->partition),
                           LOG_NUMBER("offset", message->offset)),
                "topic '%s', partition %d, offset %" PRId64 ": no reading: %s. It is ignored", topic,
                (int)message->partition, message->offset, reason);
}

static void ignore_foreign(struct intake *in, const char *topic, int64_t node)
{
    log_limited(&in->foreign, LOG_LEVEL_WARNING, reading_foreign,
                LOG_FIELDS(LOG_TEXT("topic", topic), LOG_NUMBER("node", node)),
                "the model has no input '%s/%" PRId64
                "': its readings are ignored. Train a model with it, or write them to another topic",
                topic, node);
}

static void tell_late(struct intake *in, const struct model_input *input, const struct reading *reading)
{
    char time[RECORD_TIME_MAX];
    record_time(reading->time, reading->utc, time);
    log_limited(
        &in->late, LOG_LEVEL_WARNING, reading_late,
        LOG_FIELDS(LOG_TEXT("input", input->name), LOG_TEXT("time", time)),
        "a reading of %s from %s comes when that time is over: the records before stay as they are. For a replay of old readings give another --id and --topic",
        input->name, time);
}

static void join_reading(struct intake *in, const rd_kafka_message_t *message, const struct reading *reading,
                         size_t input, size_t partition)
{
    struct source_partition *p = source_partition(in->source, partition);
    const struct join_reading joined = {
        .time = reading->time,
        .utc = reading->utc,
        .value = reading->value,
        .partition = partition,
        .offset = message->offset,
    };
    bool again = p->has_position && message->offset < p->committed;
    switch (join_take(in->join, input, &joined, clock_monotonic())) {
    case JOIN_TAKEN:
        break;
    case JOIN_DOUBLED:
        count(&in->figures->doubled, again);
        break;
    case JOIN_LATE:
        count(&in->figures->late, again);
        if (!again)
            tell_late(in, &in->settings->model.inputs[input], reading);
        break;
    }
    if (join_is_full(in->join, input)) {
        p->held = true;
        p->held_by = input;
    }
}

static void take_message(struct intake *in, const rd_kafka_message_t *message, size_t partition)
{
    const struct model *model = &in->settings->model;
    const struct source_partition *p = source_partition(in->source, partition);
    bool again = p->has_position && message->offset < p->committed;
    struct reading reading;
    struct error error;
    count(&in->figures->readings, again);
    bool ok = reading_parse(message->payload, message->len, &reading, &error);
    if (ok && reading.time > clock_realtime() + most_ahead)
        ok = error_set(&error, "its time is more than a day ahead of this machine's clock");
    if (!ok) {
        count(&in->figures->unreadable, again);
        ignore_unreadable(in, message, error.text);
        return;
    }
    size_t input = find_input(model, p->topic, reading.node);
    if (input == model->input_count) {
        count(&in->figures->foreign, again);
        ignore_foreign(in, p->topic, reading.node);
    } else
        join_reading(in, message, &reading, input, partition);
}

/* True when all must begin again. Other errors are temporary, and librdkafka continues by itself. */
static bool is_final(const rd_kafka_message_t *message, const struct source_partition *p, struct error *error)
{
    char reason[KAFKA_ERROR_SIZE];
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return false;
    error_set(error, "topic '%s', partition %d: %s", p->topic, (int)p->number,
              kafka_explain(message->err, rd_kafka_message_errstr(message), reason));
    return true;
}

static bool has_grown(struct intake *in, struct error *error)
{
    int64_t now = clock_monotonic();
    if (now < in->next_growth)
        return false;
    in->next_growth = now + growth_interval;
    if (!source_has_grown(in->source))
        return false;
    error_set(error, "a topic has got more partitions");
    return true;
}

enum intake_result intake_take(struct intake *in, struct error *error)
{
    size_t partition;
    if (has_grown(in, error))
        return INTAKE_AGAIN;
    for (int i = 0; i < SLICE; i++) {
        rd_kafka_message_t *message = source_take(in->source, &partition);
        if (!message)
            return INTAKE_IDLE;
        bool final = message->err && is_final(message, source_partition(in->source, partition), error);
        if (!message->err)
            take_message(in, message, partition);
        rd_kafka_message_destroy(message);
        if (final)
            return INTAKE_AGAIN;
    }
    return INTAKE_MORE;
}

/* ---- moments ---- */

/* An input has nothing more to come where that holds for all partitions of its topic; one that is held
 * counts, or two that wait for each other would wait for ever. */
static void find_ends(struct intake *in)
{
    const struct model *model = &in->settings->model;
    for (size_t i = 0; i < model->input_count; i++)
        in->at_end[i] = true;
    for (size_t j = 0; j < source_count(in->source); j++) {
        struct source_partition *p = source_partition(in->source, j);
        p->held = p->held && join_is_full(in->join, p->held_by);
        for (size_t i = 0; i < model->input_count && !p->at_end && !p->held; i++)
            if (strcmp(model->inputs[i].topic, p->topic) == 0)
                in->at_end[i] = false;
    }
}

bool intake_next(struct intake *in, struct moment *moment, int64_t *due)
{
    find_ends(in);
    return join_next(in->join, in->at_end, clock_monotonic(), moment, due);
}

/* The list frees the metadata with the library's free. */
static void add_offset(rd_kafka_topic_partition_list_t *list, const char *topic, int32_t number,
                       int64_t offset, const struct position *position)
{
    char text[POSITION_TEXT_MAX];
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(list, topic, number);
    position_write(position, text);
    one->offset = offset;
    one->metadata_size = strlen(text);
    one->metadata = rd_kafka_mem_malloc(NULL, one->metadata_size);
    memcpy(one->metadata, text, one->metadata_size);
}

rd_kafka_topic_partition_list_t *intake_offsets(const struct intake *in, uint64_t seq, int64_t time)
{
    size_t count = source_count(in->source);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count + 1);
    int64_t *oldest = calloc(count, sizeof *oldest);
    if (!oldest)
        out_of_memory(count * sizeof *oldest);
    join_oldest(in->join, oldest, count);
    for (size_t i = 0; i < count; i++) {
        const struct source_partition *p = source_partition(in->source, i);
        const struct position position = {
            .seq = seq, .time = time, .from = oldest[i] < 0 ? p->next : oldest[i]};
        /* While messages are read again after a restart, what was taken before it stays taken. */
        int64_t offset = p->has_position && p->committed > p->next ? p->committed : p->next;
        add_offset(list, p->topic, p->number, offset, &position);
    }
    const struct position position = {.seq = seq, .time = time};
    add_offset(list, in->settings->topic.name, 0, 0, &position);
    free(oldest);
    return list;
}

int intake_fd(const struct intake *in)
{
    return source_fd(in->source);
}

void intake_measure(const struct intake *in)
{
    in->figures->waiting = in->join ? join_waiting(in->join) : 0;
    in->figures->lag = source_lag(in->source);
}
