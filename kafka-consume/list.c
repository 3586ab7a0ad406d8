#include "list.h"

#include "core/clock.h"
#include "core/exit_status.h"
#include "core/json_text.h"
#include "core/out_of_memory.h"
#include "core/stop.h"
#include "kafka/errors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 1000 }; /* how soon a signal is noticed */
static const int64_t usual_timeout = 5 * SECOND;

/* ---- asking ---- */

/* rd_kafka_metadata knows one topic, all, or those that there is a handle for. */
static bool name_topics(rd_kafka_t *rk, const struct text_list *topics, rd_kafka_topic_t **handles,
                        struct error *error)
{
    for (size_t i = 0; i < topics->count; i++)
        if (!(handles[i] = rd_kafka_topic_new(rk, topics->items[i], NULL)))
            return error_set(error, "topic '%s': %s", topics->items[i],
                             rd_kafka_err2str(rd_kafka_last_error()));
    return true;
}

/* NULL with *error when the time is over or a stop is requested. */
static const struct rd_kafka_metadata *ask(rd_kafka_t *rk, const struct consume_settings *settings,
                                           int64_t deadline, struct error *error)
{
    bool all = settings->topics.count == 0;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err;
    while ((err = rd_kafka_metadata(rk, all, NULL, &metadata, ANSWER_MS)) != RD_KAFKA_RESP_ERR_NO_ERROR)
        if (stop_wait(SECOND / 10) || clock_monotonic() >= deadline) {
            error_set(error, "Kafka at %s has not answered: %s (--timeout waits for longer)",
                      settings->kafka.brokers, rd_kafka_err2str(err));
            return NULL;
        }
    return metadata;
}

/* ---- as text ---- */

static void print_ids(const char *title, const int32_t *ids, int count)
{
    printf(", %s: ", title);
    for (int i = 0; i < count; i++)
        printf(i ? ",%" PRId32 : "%" PRId32, ids[i]);
}

static void print_topic(const struct rd_kafka_metadata_topic *topic)
{
    printf("  topic \"%s\" with %d partitions:%s%s\n", topic->topic, topic->partition_cnt,
           topic->err ? " " : "", topic->err ? rd_kafka_err2str(topic->err) : "");
    for (int i = 0; i < topic->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *p = &topic->partitions[i];
        printf("    partition %" PRId32 ", leader %" PRId32, p->id, p->leader);
        print_ids("replicas", p->replicas, p->replica_cnt);
        print_ids("isrs", p->isrs, p->isr_cnt);
        printf("%s%s\n", p->err ? ", " : "", p->err ? rd_kafka_err2str(p->err) : "");
    }
}

static void print_text(const struct rd_kafka_metadata *metadata, int32_t controller,
                       const struct text_list *topics)
{
    fputs("Metadata for ", stdout);
    for (size_t i = 0; i < topics->count; i++)
        printf("%s%s", i ? ", " : "", topics->items[i]);
    printf("%s (from broker %" PRId32 ": ", topics->count ? "" : "all topics", metadata->orig_broker_id);
    text_print_escaped(stdout, metadata->orig_broker_name, strlen(metadata->orig_broker_name));
    printf("):\n %d brokers:\n", metadata->broker_cnt);
    for (int i = 0; i < metadata->broker_cnt; i++) {
        const struct rd_kafka_metadata_broker *broker = &metadata->brokers[i];
        printf("  broker %" PRId32 " at ", broker->id);
        text_print_escaped(stdout, broker->host, strlen(broker->host));
        printf(":%d%s\n", broker->port, broker->id == controller ? " (controller)" : "");
    }
    printf(" %d topics:\n", metadata->topic_cnt);
    for (int i = 0; i < metadata->topic_cnt; i++)
        print_topic(&metadata->topics[i]);
}

/* ---- as JSON ---- */

static json_t *ids_as_json(const int32_t *ids, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:i}", "id", (int)ids[i]));
    return list;
}

static void set_error(json_t *object, rd_kafka_resp_err_t err)
{
    if (err)
        json_object_set_new(object, "error", json_string(rd_kafka_err2str(err)));
}

static json_t *topic_as_json(const struct rd_kafka_metadata_topic *topic)
{
    json_t *partitions = json_array();
    json_t *object = json_pack("{s:s}", "topic", topic->topic);
    set_error(object, topic->err);
    for (int i = 0; i < topic->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *p = &topic->partitions[i];
        json_t *partition = json_pack("{s:i}", "partition", (int)p->id);
        set_error(partition, p->err);
        json_object_set_new(partition, "leader", json_integer(p->leader));
        json_object_set_new(partition, "replicas", ids_as_json(p->replicas, p->replica_cnt));
        json_object_set_new(partition, "isrs", ids_as_json(p->isrs, p->isr_cnt));
        json_array_append_new(partitions, partition);
    }
    json_object_set_new(object, "partitions", partitions);
    return object;
}

static void print_json(const struct rd_kafka_metadata *metadata, int32_t controller)
{
    json_t *brokers = json_array(), *topics = json_array(), *origin = json_object();
    char name[300];
    json_object_set_new(origin, "id", json_integer(metadata->orig_broker_id));
    json_set_bytes(origin, "name", metadata->orig_broker_name, strlen(metadata->orig_broker_name));
    for (int i = 0; i < metadata->broker_cnt; i++) {
        const struct rd_kafka_metadata_broker *one = &metadata->brokers[i];
        json_t *broker = json_pack("{s:i}", "id", (int)one->id);
        snprintf(name, sizeof name, "%s:%d", one->host, one->port);
        json_set_bytes(broker, "name", name, strlen(name));
        json_array_append_new(brokers, broker);
    }
    for (int i = 0; i < metadata->topic_cnt; i++)
        json_array_append_new(topics, topic_as_json(&metadata->topics[i]));
    json_t *all = json_pack("{s:o, s:i, s:o, s:o}", "originating_broker", origin, "controllerid",
                            (int)controller, "brokers", brokers, "topics", topics);
    json_print(all, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(all);
}

/* ---- both ---- */

/* False where a topic that was asked for has an error. */
static bool check_topics(const struct rd_kafka_metadata *metadata, const struct text_list *topics)
{
    char text[KAFKA_ERROR_SIZE];
    bool ok = true;
    for (int i = 0; topics->count > 0 && i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (topic->err)
            log_error(kafka_failed, "topic '%s': %s", topic->topic, kafka_describe(topic->err, text));
        ok = ok && !topic->err;
    }
    return ok;
}

static int list(rd_kafka_t *rk, const struct consume_settings *settings)
{
    int64_t limit = settings->timeout ? settings->timeout : usual_timeout;
    struct error error;
    const struct rd_kafka_metadata *metadata = ask(rk, settings, clock_monotonic() + limit, &error);
    if (!metadata) {
        log_error(kafka_unavailable, "%s", error.text);
        return settings->timeout && !stop_requested() ? EXIT_TIMED_OUT : EXIT_FAILED;
    }
    int32_t controller = rd_kafka_controllerid(rk, ANSWER_MS);
    if (settings->json)
        print_json(metadata, controller);
    else
        print_text(metadata, controller, &settings->topics);
    bool ok = check_topics(metadata, &settings->topics);
    rd_kafka_metadata_destroy(metadata);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return ok ? EXIT_DONE : EXIT_FAILED;
    if (errno == EPIPE)
        return EXIT_DONE; /* as always when nobody reads any more */
    log_error(output_failed, "cannot write to standard output: %s", strerror(errno));
    return EXIT_FAILED;
}

int list_run(const struct consume_settings *settings)
{
    struct error error;
    rd_kafka_topic_t **handles = calloc(settings->topics.count + 1, sizeof(rd_kafka_topic_t *));
    int status = EXIT_WRONG_USE;
    if (!handles)
        out_of_memory((settings->topics.count + 1) * sizeof(rd_kafka_topic_t *));
    rd_kafka_conf_t *conf = kafka_conf_new(RD_KAFKA_CONSUMER, &settings->kafka, NULL, 0, NULL, 0, &error);
    rd_kafka_t *rk = conf ? kafka_new(RD_KAFKA_CONSUMER, conf, &error) : NULL;
    if (rk && name_topics(rk, &settings->topics, handles, &error))
        status = list(rk, settings);
    else
        log_error(start_failed, "%s", error.text);
    for (size_t i = 0; i < settings->topics.count; i++)
        if (handles[i])
            rd_kafka_topic_destroy(handles[i]);
    free(handles);
    if (rk)
        kafka_destroy(rk);
    return status;
}
