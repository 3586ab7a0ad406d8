#include "group.h"

#include "kafka/member.h"

bool group_join(struct group *g, rd_kafka_t *rk, const struct text_list *topics, struct error *error)
{
    *g = (struct group){.rk = rk, .consumed = rd_kafka_topic_partition_list_new(8)};
    return kafka_member_subscribe(rk, topics, error);
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
    rd_kafka_queue_t *queue = rd_kafka_queue_new(g->rk);
    bool left = kafka_member_leave(g->rk, queue, error);
    rd_kafka_queue_destroy(queue);
    return left;
}

void group_free(struct group *g)
{
    if (g->consumed)
        rd_kafka_topic_partition_list_destroy(g->consumed);
}
