#include "topic.h"
#include "client.h"
#include "core/clock.h"
#include "core/log.h"
#include "errors.h"
#include "options/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool kafka_topic_name_valid(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= 249 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

void kafka_topic_check(const struct program *program, const char *option, const char *name)
{
    if (!kafka_topic_name_valid(name))
        options_wrong(
            program,
            "%s '%s' is not a Kafka topic: names have 1-249 letters, digits, dots, underscores, dashes",
            option, name);
}

bool kafka_topic_is_missing(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

rd_kafka_resp_err_t kafka_topic_look_up(rd_kafka_t *rk, const char *name, int64_t timeout, int *partitions)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    if (!topic)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, topic, &metadata, (int)(timeout / MILLISECOND));
    *partitions = 0;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = metadata->topic_cnt > 0 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            *partitions = metadata->topics[0].partition_cnt;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && *partitions == 0)
            err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return err;
}

/* The outcome of CreateTopics (Kafka protocol, key 19) for the one topic, its text in *error. */
static rd_kafka_resp_err_t create(rd_kafka_t *rk, const struct kafka_topic_settings *settings, int timeout_ms,
                                  struct error *error)
{
    char reason[512];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(settings->name, (int)settings->partitions,
                                                       (int)settings->replication, reason, sizeof reason);
    if (!topic) {
        error_set(error, "%s", reason);
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    for (size_t i = 0; i < settings->config.count; i++)
        rd_kafka_NewTopic_set_config(topic, settings->config.items[i].name, settings->config.items[i].value);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, reason, sizeof reason);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 500);
    rd_kafka_resp_err_t err = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    error_set(error, "%s", event && err ? rd_kafka_event_error_string(event) : rd_kafka_err2str(err));
    const rd_kafka_CreateTopics_result_t *result = event ? rd_kafka_event_CreateTopics_result(event) : NULL;
    size_t count = 0;
    const rd_kafka_topic_result_t **topics =
        result && !err ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
    if (count > 0) {
        const char *text = rd_kafka_topic_result_error_string(topics[0]);
        err = rd_kafka_topic_result_error(topics[0]);
        error_set(error, "%s", text ? text : rd_kafka_err2str(err));
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    return err;
}

static bool is_passing(rd_kafka_resp_err_t err)
{
    return err < 0 /* librdkafka's own: transport, time-out */ ||
           err == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT || err == RD_KAFKA_RESP_ERR_NOT_CONTROLLER ||
           err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           err == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

/* Writes the command with which someone who has the right can create the topic as kafka_topic_ensure
 * would. */
static void write_command(const struct kafka_settings *kafka, const struct kafka_topic_settings *topic,
                          char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "kafka-topics.sh --bootstrap-server %s", kafka->brokers);
    if (kafka->config_file && length < size)
        length += (size_t)snprintf(text + length, size - length, " --command-config %s", kafka->config_file);
    if (length < size)
        length += (size_t)snprintf(text + length, size - length, " --create --topic %s", topic->name);
    if (topic->partitions > 0 && length < size)
        length += (size_t)snprintf(text + length, size - length, " --partitions %" PRId64, topic->partitions);
    if (topic->replication > 0 && length < size)
        length += (size_t)snprintf(text + length, size - length, " --replication-factor %" PRId64,
                                   topic->replication);
    for (size_t i = 0; i < topic->config.count && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, " --config %s=%s",
                                   topic->config.items[i].name, topic->config.items[i].value);
}

/* Says why the missing topic was not created, and what to do about it. */
static void explain_refusal(rd_kafka_resp_err_t err, const char *detail, const struct kafka_settings *kafka,
                            const struct kafka_topic_settings *topic, struct error *error)
{
    char command[700];
    if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        write_command(kafka, topic, command, sizeof command);
        error_set(
            error,
            "the Kafka topic '%s' is missing and Kafka does not let this client create it (%s): have it created by %s",
            topic->name, detail, command);
        return;
    }
    const char *advice = "change --partitions, --replication or --topic-config, or create the topic yourself";
    if (err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
        advice = "choose another name";
    error_set(error, "the Kafka topic '%s' is missing and Kafka refuses to create it: %s: %s", topic->name,
              detail, advice);
}

enum kafka_topic_result kafka_topic_ensure(rd_kafka_t *rk, const struct kafka_settings *kafka,
                                           const struct kafka_topic_settings *topic, int64_t timeout,
                                           struct error *error)
{
    char text[KAFKA_ERROR_SIZE];
    struct error detail;
    int partitions;
    rd_kafka_resp_err_t err = kafka_topic_look_up(rk, topic->name, timeout, &partitions);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return KAFKA_TOPIC_READY;
    if (!kafka_topic_is_missing(err)) {
        error_set(error, "cannot look up the Kafka topic '%s': %s", topic->name, kafka_describe(err, text));
        return is_passing(err) ? KAFKA_TOPIC_LATER : KAFKA_TOPIC_DENIED;
    }
    err = create(rk, topic, (int)(timeout / MILLISECOND), &detail);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        /* A client that has seen the topic missing refuses to produce to it until it has seen it again. */
        kafka_topic_look_up(rk, topic->name, timeout, &partitions);
        log_info_with(kafka_topic_created, LOG_FIELDS(LOG_TEXT("topic", topic->name)),
                      "created the Kafka topic '%s'", topic->name);
        return KAFKA_TOPIC_READY;
    }
    if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return KAFKA_TOPIC_READY;
    if (is_passing(err)) {
        error_set(error, "cannot create the Kafka topic '%s': %s", topic->name, detail.text);
        return KAFKA_TOPIC_LATER;
    }
    explain_refusal(err, detail.text, kafka, topic, error);
    return err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ? KAFKA_TOPIC_REFUSED : KAFKA_TOPIC_DENIED;
}
