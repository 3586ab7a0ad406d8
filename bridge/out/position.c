#include "position.h"

#include "kafka/errors.h"

#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 3000 };

/* The group's offset under one topic's name. */
static void consider(const rd_kafka_topic_partition_t *kept, const char *uuid, struct kept_position *position)
{
    if (kept->offset < 0)
        return;
    bool own = kept->metadata_size == strlen(uuid) && memcmp(kept->metadata, uuid, strlen(uuid)) == 0;
    if (own ? position->kind == POSITION_OWN && position->offset >= (uint64_t)kept->offset
            : position->kind == POSITION_OWN)
        return;
    position->kind = own ? POSITION_OWN : POSITION_FOREIGN;
    position->offset = (uint64_t)kept->offset;
    snprintf(position->topic, sizeof position->topic, "%s", kept->topic);
    snprintf(position->uuid, sizeof position->uuid, "%.*s", (int)kept->metadata_size,
             kept->metadata_size ? (const char *)kept->metadata : "");
}

/* What the answer says. NO_ERROR, or what is wrong with it. */
static rd_kafka_resp_err_t read_answer(rd_kafka_event_t *event, const char *uuid,
                                       struct kept_position *position)
{
    size_t count = 0;
    rd_kafka_resp_err_t err = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const rd_kafka_ListConsumerGroupOffsets_result_t *result =
        err ? NULL : rd_kafka_event_ListConsumerGroupOffsets_result(event);
    const rd_kafka_group_result_t **groups =
        result ? rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count) : NULL;
    if (!groups || count == 0)
        return err;
    const rd_kafka_error_t *failure = rd_kafka_group_result_error(groups[0]);
    if (failure)
        return rd_kafka_error_code(failure);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    for (int i = 0; list && !err && i < list->cnt; i++) {
        err = list->elems[i].err;
        consider(&list->elems[i], uuid, position);
    }
    return err;
}

static rd_kafka_resp_err_t ask(rd_kafka_t *consumer, const char *group, const char *uuid,
                               struct kept_position *position)
{
    char reason[200];
    rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(consumer, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer);
    rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, reason, sizeof reason);
    rd_kafka_error_destroy(rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
    rd_kafka_ListConsumerGroupOffsets(consumer, &request, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS + 500);
    rd_kafka_resp_err_t err = read_answer(event, uuid, position);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    return err;
}

/* A consumer asks, not the producer: librdkafka 2.0.2 crashes there when the broker answers that it is not
 * the coordinator (yet), since a producer has no group. The consumer never subscribes. */
bool position_ask(const struct kafka_settings *settings, const char *group, const char *uuid,
                  struct kept_position *position, struct error *error)
{
    const struct kafka_property properties[] = {
        {.name = "group.id", .value = group},
        {.name = "isolation.level", .value = "read_committed"},
        {.name = "enable.auto.commit", .value = "false"},
        {.name = "log_level", .value = "3"}, /* the producer logs what is wrong */
    };
    rd_kafka_conf_t *conf = kafka_conf_new(RD_KAFKA_CONSUMER, settings, NULL, 0, properties,
                                           sizeof properties / sizeof *properties, error);
    char text[KAFKA_ERROR_SIZE];
    rd_kafka_t *consumer = conf ? kafka_new(RD_KAFKA_CONSUMER, conf, error) : NULL;
    if (!consumer)
        return false;
    *position = (struct kept_position){.kind = POSITION_NONE};
    rd_kafka_resp_err_t err = ask(consumer, group, uuid, position);
    /* For Kafka an unknown group has no position yet; others report that there is no such group. */
    if (err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
        err = RD_KAFKA_RESP_ERR_NO_ERROR;
    kafka_destroy(consumer);
    return !err || error_set(error, "%s", kafka_describe(err, text));
}
