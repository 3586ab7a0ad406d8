#include "progress.h"

#include "core/clock.h"
#include "core/out_of_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void progress_init(struct progress *p)
{
    *p = (struct progress){.database_since = clock_monotonic(), .beat = clock_monotonic()};
    snprintf(p->database_trouble, sizeof p->database_trouble, "connecting");
    pthread_mutex_init(&p->mutex, NULL);
}

void progress_free(struct progress *p)
{
    for (size_t i = 0; i < p->partition_count; i++)
        free((char *)p->partitions[i].topic);
    free(p->partitions);
    pthread_mutex_destroy(&p->mutex);
}

static size_t find(const struct progress *p, const char *topic, int32_t partition)
{
    size_t i = 0;
    while (i < p->partition_count &&
           (p->partitions[i].partition != partition || strcmp(p->partitions[i].topic, topic) != 0))
        i++;
    return i;
}

size_t progress_partition(struct progress *p, const char *topic, int32_t partition)
{
    size_t id = find(p, topic, partition);
    if (id < p->partition_count)
        return id;
    char *name = strdup(topic); /* kept until the end: as many as there are partitions */
    if (!name)
        out_of_memory(strlen(topic));
    pthread_mutex_lock(&p->mutex);
    if (p->partition_count == p->partition_room) {
        p->partition_room = p->partition_room ? 2 * p->partition_room : 16;
        p->partitions = realloc(p->partitions, p->partition_room * sizeof *p->partitions);
        if (!p->partitions)
            out_of_memory(p->partition_room);
    }
    p->partitions[p->partition_count++] = (struct progress_partition){
        .topic = name, .partition = partition, .stored = -1, .committed = -1, .end = -1};
    pthread_mutex_unlock(&p->mutex);
    return id;
}

static void count_message(struct progress *p, const struct batch *batch, const struct message *message,
                          int64_t now)
{
    struct progress_partition *partition = &p->partitions[batch->parts[message->part].id];
    bool rejected = message->kind == MESSAGE_REJECT;
    p->counts.consumed++;
    p->counts.stored += !rejected;
    p->counts.rejected += rejected;
    p->counts.rows += message->count;
    p->counts.bytes += message->key.length + message->payload.length + message->headers.length;
    partition->stored = message->offset + 1;
    if (message->timestamp <= 0)
        return;
    partition->timestamp = message->timestamp;
    int64_t late = now / MILLISECOND - message->timestamp;
    histogram_add(&p->latency, late > INT64_MAX / MILLISECOND ? INT64_MAX : late * MILLISECOND);
}

void progress_committed(struct progress *p, const struct batch *batch, size_t first, size_t end, int64_t took)
{
    int64_t now = clock_realtime();
    pthread_mutex_lock(&p->mutex);
    for (size_t i = first; i < end; i++)
        count_message(p, batch, &batch->messages[i], now);
    p->counts.transactions++;
    p->last_batch = end - first;
    histogram_add(&p->transactions, took);
    pthread_mutex_unlock(&p->mutex);
}

void progress_database(struct progress *p, const char *trouble)
{
    pthread_mutex_lock(&p->mutex);
    bool up = !*trouble;
    if (up != p->database_up)
        p->database_since = clock_monotonic();
    p->counts.database_failures += !up;
    p->database_up = up;
    snprintf(p->database_trouble, sizeof p->database_trouble, "%s", trouble);
    pthread_mutex_unlock(&p->mutex);
}

void progress_kafka(struct progress *p, const char *trouble)
{
    pthread_mutex_lock(&p->mutex);
    if (!*trouble)
        p->kafka_heard = clock_monotonic();
    snprintf(p->kafka_trouble, sizeof p->kafka_trouble, "%s", trouble);
    pthread_mutex_unlock(&p->mutex);
}

void progress_count(struct progress *p, uint64_t *counter, uint64_t number)
{
    pthread_mutex_lock(&p->mutex);
    *counter += number;
    pthread_mutex_unlock(&p->mutex);
}

double progress_lag(const struct progress_partition *partition)
{
    if (partition->end < 0)
        return -1;
    int64_t from = partition->stored < 0 ? 0 : partition->stored;
    return partition->end > from ? (double)(partition->end - from) : 0;
}

double progress_lag_seconds(const struct progress_partition *partition)
{
    double lag = progress_lag(partition);
    if (lag <= 0)
        return lag;
    double seconds = (double)(clock_realtime() / MILLISECOND - partition->timestamp) / 1000;
    return partition->timestamp == 0 ? -1 : seconds > 0 ? seconds : 0;
}
