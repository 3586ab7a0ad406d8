#include "partitions.h"

#include "kafka/errors.h"
#include "offsets.h"
#include "tail.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 1000 };

struct partitions {
    rd_kafka_t *rk;
    const struct consume_settings *settings;
    rd_kafka_topic_t **topics; /* one for each of the settings */
    rd_kafka_topic_partition_list_t *list;
    bool started;
};

struct partitions *partitions_new(rd_kafka_t *rk, const struct consume_settings *settings,
                                  struct error *error)
{
    struct partitions *p = calloc(1, sizeof *p);
    size_t count = settings->topics.count;
    rd_kafka_topic_t **topics = p ? calloc(count, sizeof(rd_kafka_topic_t *)) : NULL;
    if (!topics) {
        free(p);
        error_set(error, "out of memory");
        return NULL;
    }
    *p = (struct partitions){rk, settings, topics, rd_kafka_topic_partition_list_new(8), false};
    for (size_t i = 0; i < count; i++) {
        topics[i] = rd_kafka_topic_new(rk, settings->topics.items[i], NULL);
        if (topics[i])
            continue;
        error_set(error, "topic '%s': %s", settings->topics.items[i],
                  rd_kafka_err2str(rd_kafka_last_error()));
        partitions_free(p);
        return NULL;
    }
    return p;
}

/* The handle of a topic of the settings. */
static rd_kafka_topic_t *find_topic(const struct partitions *p, const char *name)
{
    size_t i = 0;
    while (strcmp(p->settings->topics.items[i], name) != 0)
        i++;
    return p->topics[i];
}

void partitions_free(struct partitions *p)
{
    if (!p)
        return;
    for (int i = 0; p->started && i < p->list->cnt; i++)
        rd_kafka_consume_stop(find_topic(p, p->list->elems[i].topic), p->list->elems[i].partition);
    for (size_t i = 0; i < p->settings->topics.count; i++)
        if (p->topics[i])
            rd_kafka_topic_destroy(p->topics[i]);
    rd_kafka_topic_partition_list_destroy(p->list);
    free(p->topics);
    free(p);
}

/* Lists the wanted partitions of a topic, once even if the topic was given twice. */
static enum partitions_result list_partitions(struct partitions *p,
                                              const struct rd_kafka_metadata_topic *topic,
                                              struct error *error)
{
    int64_t wanted = p->settings->partition;
    if (topic->err || topic->partition_cnt == 0) {
        char text[KAFKA_ERROR_SIZE];
        rd_kafka_resp_err_t err = topic->err ? topic->err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        error_set(error, "topic '%s': %s", topic->topic, kafka_describe(err, text));
        return PARTITIONS_MISSING;
    }
    if (wanted >= topic->partition_cnt) {
        error_set(error, "topic '%s' has no partition %d: it has 0 to %d", topic->topic, (int)wanted,
                  topic->partition_cnt - 1);
        return PARTITIONS_MISSING;
    }
    for (int i = 0; i < topic->partition_cnt; i++)
        if ((wanted < 0 || wanted == topic->partitions[i].id) &&
            !rd_kafka_topic_partition_list_find(p->list, topic->topic, topic->partitions[i].id))
            rd_kafka_topic_partition_list_add(p->list, topic->topic, topic->partitions[i].id);
    return PARTITIONS_STARTED;
}

static enum partitions_result look_up(struct partitions *p, rd_kafka_topic_t *topic, struct error *error)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(p->rk, 0, topic, &metadata, ANSWER_MS);
    if (err) {
        error_set(error, "topic '%s': %s", rd_kafka_topic_name(topic), rd_kafka_err2str(err));
        return PARTITIONS_LATER;
    }
    enum partitions_result result = list_partitions(p, &metadata->topics[0], error);
    rd_kafka_metadata_destroy(metadata);
    return result;
}

/* Sets the first offset of each element of the list. */
static bool set_offsets(struct partitions *p, int64_t deadline, struct error *error)
{
    const struct start *start = &p->settings->start;
    if (start->kind == START_TIME)
        return offsets_look_up(p->rk, p->list, start->value, error);
    if (start->kind == START_TAIL)
        return tail_find(p->rk, p->list, start->value, deadline, error);
    for (int i = 0; i < p->list->cnt; i++)
        p->list->elems[i].offset = start->kind == START_END         ? RD_KAFKA_OFFSET_END
                                   : start->kind == START_BEGINNING ? RD_KAFKA_OFFSET_BEGINNING
                                                                    : start->value;
    return true;
}

enum partitions_result partitions_start(struct partitions *p, rd_kafka_queue_t *queue, int64_t deadline,
                                        struct error *error)
{
    enum partitions_result result = PARTITIONS_STARTED;
    rd_kafka_topic_partition_list_destroy(p->list);
    p->list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; result == PARTITIONS_STARTED && i < p->settings->topics.count; i++)
        result = look_up(p, p->topics[i], error);
    if (result == PARTITIONS_STARTED && !set_offsets(p, deadline, error))
        result = PARTITIONS_LATER;
    if (result != PARTITIONS_STARTED)
        return result;
    p->started = true;
    for (int i = 0; i < p->list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &p->list->elems[i];
        if (rd_kafka_consume_start_queue(find_topic(p, one->topic), one->partition, one->offset, queue) !=
            0) {
            error_set(error, "topic '%s', partition %d: %s", one->topic, (int)one->partition,
                      rd_kafka_err2str(rd_kafka_last_error()));
            return PARTITIONS_FAILED;
        }
    }
    return PARTITIONS_STARTED;
}

const rd_kafka_topic_partition_list_t *partitions_list(const struct partitions *p)
{
    return p->list;
}
