#include "ends.h"

#include "offsets.h"

static const int64_t not_known = INT64_MAX;
static const int64_t reached = -1;

static void free_list(rd_kafka_topic_partition_list_t *list)
{
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
}

void ends_free(struct ends *e)
{
    free_list(e->ahead);
    free_list(e->known);
    *e = (struct ends){0};
}

void ends_assign(struct ends *e, const rd_kafka_topic_partition_list_t *partitions)
{
    free_list(e->ahead);
    if (!e->known)
        e->known = rd_kafka_topic_partition_list_new(8);
    e->ahead = rd_kafka_topic_partition_list_new(partitions->cnt);
    e->topic = NULL;
    e->due = false;
    for (int i = 0; i < partitions->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &partitions->elems[i];
        const rd_kafka_topic_partition_t *known =
            rd_kafka_topic_partition_list_find(e->known, one->topic, one->partition);
        if (known && known->offset == reached)
            continue;
        rd_kafka_topic_partition_list_add(e->ahead, one->topic, one->partition)->offset =
            known ? known->offset : not_known;
        e->due = e->due || !known;
    }
}

bool ends_complete(struct ends *e, rd_kafka_t *rk, struct error *error)
{
    if (!e->due)
        return true;
    rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_new(e->ahead->cnt);
    for (int i = 0; i < e->ahead->cnt; i++)
        if (e->ahead->elems[i].offset == not_known)
            rd_kafka_topic_partition_list_add(asked, e->ahead->elems[i].topic, e->ahead->elems[i].partition);
    bool ok = offsets_look_up(rk, asked, OFFSET_OF_END, error);
    for (int i = 0; ok && i < asked->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &asked->elems[i];
        rd_kafka_topic_partition_list_find(e->ahead, one->topic, one->partition)->offset = one->offset;
        rd_kafka_topic_partition_list_add(e->known, one->topic, one->partition)->offset = one->offset;
    }
    rd_kafka_topic_partition_list_destroy(asked);
    e->due = !ok;
    e->topic = NULL;
    return ok;
}

bool ends_take(struct ends *e, rd_kafka_t *rk, const rd_kafka_message_t *message)
{
    if (message->rkt != e->topic || message->partition != e->partition) {
        const rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_find(
            e->ahead, rd_kafka_topic_name(message->rkt), message->partition);
        e->topic = message->rkt;
        e->partition = message->partition;
        e->end = one ? one->offset : reached;
    }
    int64_t end = e->end;
    if (message->offset >= end - 1)
        ends_reach(e, rk, message->rkt, message->partition);
    return message->offset < end;
}

void ends_reach(struct ends *e, rd_kafka_t *rk, const rd_kafka_topic_t *topic, int32_t partition)
{
    const char *name = rd_kafka_topic_name(topic);
    rd_kafka_topic_partition_t *known = rd_kafka_topic_partition_list_find(e->known, name, partition);
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    e->topic = NULL;
    if (!known)
        known = rd_kafka_topic_partition_list_add(e->known, name, partition);
    known->offset = reached;
    rd_kafka_topic_partition_list_del(e->ahead, name, partition);
    /* What arrives from now on is not printed. */
    rd_kafka_topic_partition_list_add(one, name, partition);
    (void)rd_kafka_pause_partitions(rk, one);
    rd_kafka_topic_partition_list_destroy(one);
}

bool ends_all_reached(const struct ends *e)
{
    return e->ahead && e->ahead->cnt == 0;
}
