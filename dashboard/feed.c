#include "feed.h"

#include "core/clock.h"
#include "core/log.h"
#include "kafka-consume/offsets.h"
#include "kafka/errors.h"
#include "kafka/topic.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 1000, IDLE_MS = 100, SLICE = 1000 };

/* Between looks for topics and partitions, and whether Kafka is there. */
static const int64_t look_interval = 5 * SECOND, first_interval = SECOND;

struct partition {
    size_t topic;
    int32_t id;
    bool caught_up;
    int64_t next; /* offset */
};

struct feed {
    const struct feed_settings *settings;
    struct room *room;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t **topics; /* one for each of the settings */
    pthread_t thread;
    bool running;
    _Atomic bool stop;
    _Atomic int64_t moved; /* monotonic ns */
    /* The thread's: */
    struct partition *partitions; /* that are read */
    size_t partition_count;
    size_t next_asked; /* of these */
    int64_t next_look;
    int64_t begin; /* ms since 1970: where the history begins */
    bool *told;    /* for each topic: has it been logged as missing? */
    struct log_limit unavailable;
    pthread_mutex_t mutex; /* guards what follows */
    struct feed_state state;
};

/* ---- opening ---- */

static bool make_client(struct feed *feed, struct error *error)
{
    /* A queue for each partition, so they are small; Kafka sends a message that is larger than a fetch all
     * the same. */
    static const struct kafka_property defaults[] = {
        {.name = "auto.offset.reset", .value = "earliest"},
        {.name = "isolation.level", .value = "read_committed"},
        {.name = "queued.max.messages.kbytes", .value = "512"},
        {.name = "fetch.message.max.bytes", .value = "262144"},
        {.name = "fetch.max.bytes", .value = "2097152"},
        {.name = "fetch.wait.max.ms", .value = "100"},
        {.name = "topic.metadata.refresh.interval.ms", .value = "10000"},
        {.name = "reconnect.backoff.max.ms", .value = "2000"},
        {.name = "fetch.queue.backoff.ms", .value = "10"}, /* the last one: see kafka_looks_late() */
    };
    static const struct kafka_property required[] = {
        {.name = "enable.auto.commit", .value = "false"},
        {.name = "enable.partition.eof", .value = "true"},
    };
    rd_kafka_conf_t *conf = kafka_conf_new(RD_KAFKA_CONSUMER, feed->settings->kafka, defaults,
                                           sizeof defaults / sizeof *defaults - kafka_looks_late(), required,
                                           sizeof required / sizeof *required, error);
    feed->rk = conf ? kafka_new(RD_KAFKA_CONSUMER, conf, error) : NULL;
    return feed->rk != NULL;
}

static bool make_topics(struct feed *feed, struct error *error)
{
    const struct text_list *names = feed->settings->topics;
    feed->topics = calloc(names->count, sizeof *feed->topics);
    feed->told = calloc(names->count, sizeof *feed->told);
    if (!feed->topics || !feed->told)
        return error_set(error, "out of memory");
    for (size_t i = 0; i < names->count; i++) {
        feed->topics[i] = rd_kafka_topic_new(feed->rk, names->items[i], NULL);
        if (!feed->topics[i])
            return error_set(error, "topic '%s': %s", names->items[i],
                             rd_kafka_err2str(rd_kafka_last_error()));
    }
    feed->queue = rd_kafka_queue_new(feed->rk);
    return true;
}

/* ---- the thread: what there is to read ---- */

static void set_state(struct feed *feed, bool connected, const char *trouble)
{
    pthread_mutex_lock(&feed->mutex);
    feed->state.connected = connected;
    reading_text((struct reading_bytes){trouble, strlen(trouble)}, feed->state.trouble,
                 sizeof feed->state.trouble);
    pthread_mutex_unlock(&feed->mutex);
    if (*trouble)
        log_limited(&feed->unavailable, LOG_LEVEL_WARNING, kafka_unavailable,
                    LOG_FIELDS(LOG_TEXT("reason", trouble)), "%s", trouble);
}

static bool is_read(const struct feed *feed, size_t topic, int32_t id)
{
    for (size_t i = 0; i < feed->partition_count; i++)
        if (feed->partitions[i].topic == topic && feed->partitions[i].id == id)
            return true;
    return false;
}

static bool begin_reading(struct feed *feed, size_t topic, int32_t id, int64_t offset)
{
    struct partition *partitions =
        realloc(feed->partitions, (feed->partition_count + 1) * sizeof *partitions);
    if (!partitions)
        return false;
    feed->partitions = partitions;
    if (rd_kafka_consume_start_queue(feed->topics[topic], id, offset, feed->queue) != 0)
        return false;
    partitions[feed->partition_count++] = (struct partition){topic, id, false, offset};
    return true;
}

/* Begins with those of the topic's partitions that are not read yet. */
static bool read_topic(struct feed *feed, size_t topic, int partition_count, struct error *error)
{
    const char *name = feed->settings->topics->items[topic];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partition_count);
    for (int id = 0; id < partition_count; id++)
        if (!is_read(feed, topic, id))
            rd_kafka_topic_partition_list_add(list, name, id);
    bool ok = offsets_look_up(feed->rk, list, feed->begin, error);
    for (int i = 0; ok && i < list->cnt; i++)
        ok = begin_reading(feed, topic, list->elems[i].partition, list->elems[i].offset) ||
             error_set(error, "topic '%s', partition %d cannot be read: %s", name,
                       (int)list->elems[i].partition, rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* Handles Kafka's answer about the topic. False with *error. */
static bool follow_topic(struct feed *feed, size_t topic, const struct rd_kafka_metadata_topic *found,
                         struct error *error)
{
    const char *name = feed->settings->topics->items[topic];
    char reason[KAFKA_ERROR_SIZE];
    if (!found->err && found->partition_cnt > 0)
        return read_topic(feed, topic, found->partition_cnt, error);
    if (found->err && !kafka_topic_is_missing(found->err))
        return error_set(error, "topic '%s': %s", name, kafka_describe(found->err, reason));
    if (!feed->told[topic])
        log_info_with(kafka_topic_missing, LOG_FIELDS(LOG_TEXT("topic", name)),
                      "there is no Kafka topic '%s' yet; it is shown once it is there", name);
    feed->told[topic] = true;
    return true;
}

static void note_ends(struct feed *feed)
{
    bool all = true;
    for (size_t i = 0; i < feed->partition_count; i++)
        all = all && feed->partitions[i].caught_up;
    pthread_mutex_lock(&feed->mutex);
    feed->state.caught_up = feed->state.caught_up || all;
    pthread_mutex_unlock(&feed->mutex);
}

/* Asks whether Kafka answers, and for its topics. */
static void look(struct feed *feed)
{
    struct error error;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool ok = true;
    for (size_t i = 0; ok && i < feed->settings->topics->count; i++) {
        const struct rd_kafka_metadata *metadata;
        err = rd_kafka_metadata(feed->rk, 0, feed->topics[i], &metadata, ANSWER_MS);
        if (err) {
            ok = error_set(&error, "Kafka at %s does not answer: %s", feed->settings->kafka->brokers,
                           rd_kafka_err2str(err));
        } else {
            ok = follow_topic(feed, i, &metadata->topics[0], &error);
            rd_kafka_metadata_destroy(metadata);
        }
    }
    set_state(feed, !err, ok ? "" : error.text);
    if (ok)
        note_ends(feed);
    feed->next_look = clock_monotonic() + (ok ? look_interval : first_interval);
}

/* ---- the thread: messages ---- */

static struct partition *find_partition(struct feed *feed, const rd_kafka_message_t *message)
{
    for (size_t i = 0; i < feed->partition_count; i++)
        if (feed->topics[feed->partitions[i].topic] == message->rkt &&
            feed->partitions[i].id == message->partition)
            return &feed->partitions[i];
    return NULL;
}

static void take(struct feed *feed, const rd_kafka_message_t *message)
{
    char reason[KAFKA_ERROR_SIZE];
    struct partition *partition = message->rkt ? find_partition(feed, message) : NULL;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && partition) {
        partition->caught_up = true;
        partition->next = message->offset;
        note_ends(feed);
    } else if (message->err) {
        const char *explained = kafka_explain(message->err, rd_kafka_message_errstr(message), reason);
        log_limited(&feed->unavailable, LOG_LEVEL_WARNING, kafka_unavailable,
                    LOG_FIELDS(LOG_TEXT("reason", explained)), "%s", explained);
    } else if (partition) {
        partition->next = message->offset + 1;
        room_add(feed->room, partition->topic, (struct reading_bytes){message->key, message->key_len},
                 (struct reading_bytes){message->payload, message->len},
                 rd_kafka_message_timestamp(message, NULL));
    }
}

/* The next one of which Kafka has more, or NULL. */
static const struct partition *find_behind(struct feed *feed)
{
    for (size_t i = 0; i < feed->partition_count; i++) {
        const struct partition *p = &feed->partitions[feed->next_asked++ % feed->partition_count];
        int64_t low, high;
        if (!p->caught_up || (!rd_kafka_get_watermark_offsets(
                                  feed->rk, feed->settings->topics->items[p->topic], p->id, &low, &high) &&
                              high > p->next))
            return p;
    }
    return NULL;
}

/* All that was read ahead is taken: makes librdkafka look whether to fetch more. */
static void ask_for_more(struct feed *feed)
{
    int64_t low, high;
    const struct partition *behind = kafka_looks_late() ? find_behind(feed) : NULL;
    if (behind)
        rd_kafka_query_watermark_offsets(feed->rk, feed->settings->topics->items[behind->topic], behind->id,
                                         &low, &high, IDLE_MS);
}

/* Takes what has come, waiting a moment for the first. */
static void take_some(struct feed *feed)
{
    rd_kafka_message_t *message = NULL;
    int count = 0;
    while (count < SLICE && (message = rd_kafka_consume_queue(feed->queue, count ? 0 : IDLE_MS))) {
        take(feed, message);
        rd_kafka_message_destroy(message);
        count++;
    }
    if (count > 0 && !message)
        ask_for_more(feed);
}

static void *run(void *context)
{
    struct feed *feed = context;
    while (!feed->stop) {
        feed->moved = clock_monotonic();
        if (feed->moved >= feed->next_look)
            look(feed);
        rd_kafka_poll(feed->rk, 0);
        take_some(feed);
    }
    return NULL;
}

/* ---- any thread ---- */

struct feed *feed_open(const struct feed_settings *settings, struct room *room, struct error *error)
{
    struct feed *feed = calloc(1, sizeof *feed);
    if (!feed) {
        error_set(error, "out of memory");
        return NULL;
    }
    feed->settings = settings;
    feed->room = room;
    feed->unavailable.interval = 30 * SECOND;
    feed->begin = (clock_realtime() - settings->history) / MILLISECOND;
    feed->moved = clock_monotonic();
    pthread_mutex_init(&feed->mutex, NULL);
    if (make_client(feed, error) && make_topics(feed, error)) {
        int reason = pthread_create(&feed->thread, NULL, run, feed);
        feed->running = reason == 0;
        if (feed->running)
            return feed;
        error_set(error, "cannot start a thread: %s", strerror(reason));
    }
    feed_close(feed);
    return NULL;
}

struct feed_state feed_state(struct feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    struct feed_state state = feed->state;
    pthread_mutex_unlock(&feed->mutex);
    return state;
}

int64_t feed_still(struct feed *feed)
{
    return clock_monotonic() - feed->moved;
}

bool feed_close(struct feed *feed)
{
    if (!feed)
        return true;
    feed->stop = true;
    if (feed->running)
        pthread_join(feed->thread, NULL);
    for (size_t i = 0; i < feed->partition_count; i++)
        rd_kafka_consume_stop(feed->topics[feed->partitions[i].topic], feed->partitions[i].id);
    for (size_t i = 0; feed->topics && i < feed->settings->topics->count; i++)
        if (feed->topics[i])
            rd_kafka_topic_destroy(feed->topics[i]);
    if (feed->queue)
        rd_kafka_queue_destroy(feed->queue);
    if (feed->rk && !kafka_destroy(feed->rk))
        return false;
    pthread_mutex_destroy(&feed->mutex);
    free(feed->topics);
    free(feed->told);
    free(feed->partitions);
    free(feed);
    return true;
}
