#include "source.h"

#include "core/clock.h"
#include "core/event.h"
#include "core/out_of_memory.h"
#include "kafka/errors.h"
#include "kafka/topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_MS = 3000, RUN = 100 /* messages taken from a partition before another one's turn */ };

struct source {
    rd_kafka_t *rk;
    const struct text_list *topics;
    rd_kafka_topic_t **handles; /* of the topics */
    int event;
    const char *output;
    struct position last;
    struct source_partition *partitions;
    rd_kafka_queue_t **queues; /* of the partitions, while they are fetched */
    size_t count;
    bool started;
    size_t turn, run;
};

static bool make_client(struct source *s, const struct kafka_settings *kafka, const char *group,
                        struct error *error)
{
    const struct kafka_property defaults[] = {
        {.name = "isolation.level", .value = "read_committed"},
        {.name = "fetch.wait.max.ms", .value = "100"}, /* so soon it is known that there is no more */
        {.name = "queued.min.messages", .value = "2000"},
        {.name = "queued.max.messages.kbytes", .value = "512"}, /* a partition */
        {.name = "fetch.message.max.bytes", .value = "262144"},
        {.name = "fetch.max.bytes", .value = "4194304"},
        {.name = "reconnect.backoff.max.ms", .value = "2000"},
        {.name = "allow.auto.create.topics", .value = "false"},
    };
    const struct kafka_property required[] = {
        {.name = "group.id", .value = group},
        {.name = "enable.auto.commit", .value = "false", .why = "positions are committed with the estimates"},
        {.name = "auto.offset.reset",
         .value = "error",
         .why = "where to go on is found out from the estimates"},
        {.name = "enable.partition.eof", .value = "true"},
    };
    rd_kafka_conf_t *conf =
        kafka_conf_new(RD_KAFKA_CONSUMER, kafka, defaults, sizeof defaults / sizeof *defaults, required,
                       sizeof required / sizeof *required, error);
    s->rk = conf ? kafka_new(RD_KAFKA_CONSUMER, conf, error) : NULL;
    return s->rk != NULL;
}

struct source *source_open(const struct kafka_settings *kafka, const char *group,
                           const struct text_list *topics, const char *output, struct error *error)
{
    struct source *s = calloc(1, sizeof *s);
    rd_kafka_topic_t **handles = calloc(topics->count, sizeof(rd_kafka_topic_t *));
    if (!s || !handles)
        out_of_memory(topics->count * sizeof *handles);
    *s = (struct source){.topics = topics, .handles = handles, .event = event_open(), .output = output};
    bool ok = s->event >= 0 ? make_client(s, kafka, group, error)
                            : error_set(error, "cannot make an event: %s", strerror(errno));
    for (size_t i = 0; ok && i < topics->count; i++) {
        handles[i] = rd_kafka_topic_new(s->rk, topics->items[i], NULL);
        ok = handles[i] ||
             error_set(error, "topic '%s': %s", topics->items[i], rd_kafka_err2str(rd_kafka_last_error()));
    }
    if (ok)
        return s;
    source_close(s);
    return NULL;
}

void source_close(struct source *s)
{
    if (!s)
        return;
    source_stop(s);
    for (size_t i = 0; i < s->topics->count; i++)
        if (s->handles[i])
            rd_kafka_topic_destroy(s->handles[i]);
    if (s->rk)
        kafka_destroy(s->rk);
    if (s->event >= 0)
        close(s->event);
    free(s->partitions);
    free(s->handles);
    free(s);
}

/* ---- where to begin ---- */

static void add_partition(struct source *s, const char *topic, int32_t number)
{
    struct source_partition *partitions = realloc(s->partitions, (s->count + 1) * sizeof *partitions);
    if (!partitions)
        out_of_memory((s->count + 1) * sizeof *partitions);
    s->partitions = partitions;
    partitions[s->count++] = (struct source_partition){.topic = topic, .number = number};
}

static bool list_partitions(struct source *s, struct error *error)
{
    char text[KAFKA_ERROR_SIZE];
    s->count = 0;
    for (size_t i = 0; i < s->topics->count; i++) {
        int count;
        rd_kafka_resp_err_t err =
            kafka_topic_look_up(s->rk, s->topics->items[i], ANSWER_MS * MILLISECOND, &count);
        if (err)
            return error_set(error, "topic '%s': %s", s->topics->items[i], kafka_describe(err, text));
        for (int32_t number = 0; number < count; number++)
            add_partition(s, s->topics->items[i], number);
    }
    return true;
}

static bool look_up_offsets(struct source *s, struct error *error)
{
    char text[KAFKA_ERROR_SIZE];
    for (size_t i = 0; i < s->count; i++) {
        struct source_partition *p = &s->partitions[i];
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(s->rk, p->topic, p->number, &p->low, &p->high, ANSWER_MS);
        if (err)
            return error_set(error, "topic '%s', partition %d: %s", p->topic, (int)p->number,
                             kafka_describe(err, text));
        p->next = p->low;
    }
    return true;
}

static bool read_position(struct source *s, const rd_kafka_topic_partition_t *committed,
                          struct position *position)
{
    bool found =
        committed->offset >= 0 && position_read(committed->metadata, committed->metadata_size, position);
    if (found && position->seq > s->last.seq)
        s->last = *position;
    return found;
}

static bool look_up_positions(struct source *s, struct error *error)
{
    char text[KAFKA_ERROR_SIZE];
    struct position position;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->count + 1);
    for (size_t i = 0; i < s->count; i++)
        rd_kafka_topic_partition_list_add(list, s->partitions[i].topic, s->partitions[i].number);
    rd_kafka_topic_partition_list_add(list, s->output, 0);
    rd_kafka_resp_err_t err = rd_kafka_committed(s->rk, list, ANSWER_MS);
    s->last = (struct position){0};
    for (size_t i = 0; !err && i < s->count; i++) {
        struct source_partition *p = &s->partitions[i];
        err = list->elems[i].err;
        p->committed = list->elems[i].offset;
        p->has_position = read_position(s, &list->elems[i], &p->position);
    }
    if (!err)
        read_position(s, &list->elems[s->count], &position);
    rd_kafka_topic_partition_list_destroy(list);
    /* Kafka takes any group for one that has no position yet; others say that there is none. */
    return !err || err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND ||
           error_set(error, "Kafka does not tell the position: %s", kafka_describe(err, text));
}

struct position source_last(const struct source *s)
{
    return s->last;
}

bool source_find(struct source *s, struct error *error)
{
    return list_partitions(s, error) && look_up_offsets(s, error) && look_up_positions(s, error);
}

size_t source_count(const struct source *s)
{
    return s->count;
}

struct source_partition *source_partition(struct source *s, size_t index)
{
    return &s->partitions[index];
}

/* ---- fetching ---- */

static rd_kafka_topic_t *handle(const struct source *s, const char *topic)
{
    size_t i = 0;
    while (s->topics->items[i] != topic)
        i++;
    return s->handles[i];
}

bool source_start(struct source *s, struct error *error)
{
    static const uint64_t one = 1;
    s->queues = calloc(s->count, sizeof(rd_kafka_queue_t *));
    if (!s->queues)
        out_of_memory(s->count * sizeof *s->queues);
    s->started = true;
    for (size_t i = 0; i < s->count; i++) {
        struct source_partition *p = &s->partitions[i];
        rd_kafka_queue_t *queue = rd_kafka_queue_new(s->rk);
        rd_kafka_queue_io_event_enable(queue, s->event, &one, sizeof one);
        if (rd_kafka_consume_start_queue(handle(s, p->topic), p->number, p->next, queue) != 0) {
            rd_kafka_queue_destroy(queue);
            return error_set(error, "topic '%s', partition %d: %s", p->topic, (int)p->number,
                             rd_kafka_err2str(rd_kafka_last_error()));
        }
        s->queues[i] = queue;
    }
    return true;
}

void source_stop(struct source *s)
{
    for (size_t i = 0; s->started && i < s->count; i++)
        if (s->queues[i]) {
            rd_kafka_consume_stop(handle(s, s->partitions[i].topic), s->partitions[i].number);
            rd_kafka_queue_destroy(s->queues[i]);
        }
    free(s->queues);
    s->queues = NULL;
    s->started = false;
    s->turn = s->run = 0;
}

static void pass_turn(struct source *s)
{
    s->turn = (s->turn + 1) % s->count;
    s->run = 0;
}

rd_kafka_message_t *source_take(struct source *s, size_t *partition)
{
    event_clear(s->event);
    if (s->run >= RUN)
        pass_turn(s);
    for (size_t i = 0; i < s->count; i++, pass_turn(s)) {
        struct source_partition *p = &s->partitions[s->turn];
        rd_kafka_message_t *message = p->held ? NULL : rd_kafka_consume_queue(s->queues[s->turn], 0);
        if (!message)
            continue;
        s->run++;
        *partition = s->turn;
        p->at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (!message->err)
            p->next = message->offset + 1;
        return message;
    }
    return NULL;
}

int source_fd(const struct source *s)
{
    return s->event;
}

int64_t source_lag(const struct source *s)
{
    int64_t lag = 0;
    for (size_t i = 0; s->started && i < s->count; i++) {
        const struct source_partition *p = &s->partitions[i];
        int64_t low, high;
        if (!rd_kafka_get_watermark_offsets(s->rk, p->topic, p->number, &low, &high) && high > p->next &&
            !p->at_end)
            lag += high - p->next;
    }
    return lag;
}

bool source_has_grown(const struct source *s)
{
    size_t found = 0;
    for (size_t i = 0; i < s->topics->count; i++) {
        int count;
        if (kafka_topic_look_up(s->rk, s->topics->items[i], SECOND, &count))
            return false;
        found += (size_t)count;
    }
    return found > s->count;
}
