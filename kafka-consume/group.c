#include "group.h"

#include "core/clock.h"

static const int64_t leave_time = 10 * SECOND;
enum { LEAVE_STEP_MS = 100 };

bool group_join(struct group *g, rd_kafka_t *rk, const struct text_list *topics, struct error *error)
{
    *g = (struct group){.rk = rk, .consumed = rd_kafka_topic_partition_list_new(8)};
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topics->count);
    for (size_t i = 0; i < topics->count; i++)
        rd_kafka_topic_partition_list_add(list, topics->items[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return !err || error_set(error, "cannot subscribe to the topics: %s", rd_kafka_err2str(err));
}

static void end_run(struct group *g)
{
    if (!g->topic)
        return;
    const char *topic = rd_kafka_topic_name(g->topic);
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_find(g->consumed, topic, g->partition);
    if (!one)
        one = rd_kafka_topic_partition_list_add(g->consumed, topic, g->partition);
    one->offset = g->next;
    g->topic = NULL;
}

void group_note(struct group *g, const rd_kafka_message_t *message)
{
    if (message->rkt != g->topic || message->partition != g->partition)
        end_run(g);
    g->topic = message->rkt;
    g->partition = message->partition;
    g->next = message->offset + 1;
}

void group_store(struct group *g)
{
    end_run(g);
    /* It fails for a partition that another member has now: its position is no longer ours. */
    if (g->consumed->cnt > 0)
        (void)rd_kafka_offsets_store(g->rk, g->consumed);
    group_forget(g);
}

void group_forget(struct group *g)
{
    g->topic = NULL;
    if (g->consumed->cnt == 0)
        return;
    rd_kafka_topic_partition_list_destroy(g->consumed);
    g->consumed = rd_kafka_topic_partition_list_new(8);
}

bool group_leave(struct group *g, struct error *error)
{
    int64_t deadline = clock_monotonic() + leave_time;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(g->rk);
    rd_kafka_error_t *failure = rd_kafka_consumer_close_queue(g->rk, queue);
    if (failure)
        error_set(error, "%s", rd_kafka_error_string(failure));
    while (!failure && !rd_kafka_consumer_closed(g->rk) && clock_monotonic() < deadline) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, LEAVE_STEP_MS);
        if (message)
            rd_kafka_message_destroy(message);
    }
    bool left = !failure && rd_kafka_consumer_closed(g->rk);
    if (!failure && !left)
        error_set(error, "Kafka does not answer");
    if (failure)
        rd_kafka_error_destroy(failure);
    rd_kafka_queue_destroy(queue);
    return left;
}

void group_free(struct group *g)
{
    if (g->consumed)
        rd_kafka_topic_partition_list_destroy(g->consumed);
}
