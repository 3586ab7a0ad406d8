#include "tail.h"

#include "core/clock.h"
#include "core/out_of_memory.h"
#include "core/stop.h"
#include "offsets.h"

#include <stdlib.h>
#include <string.h>

enum { IDLE_MS = 100 };

/* The search in one partition. Offsets [begin, end) are the slice that is read. */
struct tail {
    rd_kafka_topic_partition_t *found; /* the list's element */
    rd_kafka_topic_t *topic;
    int64_t first; /* the partition's first offset */
    int64_t begin, end;
    int64_t missing; /* messages that the slices so far are short of */
    int64_t counted; /* messages in this slice */
    int64_t surplus; /* how many more it has than are missing: it is read again, to skip these; 0: unknown */
    bool reading, done;
};

struct search {
    struct tail *tails;
    int count, undone;
    rd_kafka_queue_t *queue;
    struct tail *last; /* that of the last message */
};

static void stop_reading(struct tail *t)
{
    if (t->reading)
        rd_kafka_consume_stop(t->topic, t->found->partition);
    t->reading = false;
}

static void finish(struct search *s, struct tail *t, int64_t offset)
{
    stop_reading(t);
    t->found->offset = offset;
    t->done = true;
    s->undone--;
}

static bool start_reading(struct search *s, struct tail *t, struct error *error)
{
    t->counted = 0;
    t->reading = rd_kafka_consume_start_queue(t->topic, t->found->partition, t->begin, s->queue) == 0;
    return t->reading || error_set(error, "topic '%s', partition %d: %s", t->found->topic,
                                   (int)t->found->partition, rd_kafka_err2str(rd_kafka_last_error()));
}

/* The slice was read to its end. */
static bool end_slice(struct search *s, struct tail *t, struct error *error)
{
    int64_t width = t->end - t->begin;
    stop_reading(t);
    if (t->surplus > 0 || t->counted == t->missing) {
        finish(s, t, t->begin);
        return true;
    }
    if (t->counted > t->missing)
        t->surplus = t->counted - t->missing;
    else if (t->begin == t->first) {
        finish(s, t, t->first);
        return true;
    } else {
        t->missing -= t->counted;
        t->end = t->begin;
        t->begin = t->end - t->first > 2 * width ? t->end - 2 * width : t->first;
    }
    return start_reading(s, t, error);
}

static struct tail *find(struct search *s, const rd_kafka_message_t *message)
{
    const char *name = rd_kafka_topic_name(message->rkt);
    for (int i = s->last ? -1 : 0; i < s->count; i++) {
        struct tail *t = i < 0 ? s->last : &s->tails[i];
        if (t->found->partition == message->partition && strcmp(t->found->topic, name) == 0)
            return s->last = t;
    }
    return NULL;
}

static bool take_message(struct search *s, struct tail *t, const rd_kafka_message_t *message,
                         struct error *error)
{
    if (message->offset < t->begin) /* of the previous slice */
        return true;
    if (message->offset >= t->end)
        return end_slice(s, t, error);
    if (t->surplus > 0 && t->counted == t->surplus) {
        finish(s, t, message->offset);
        return true;
    }
    t->counted++;
    return message->offset < t->end - 1 || end_slice(s, t, error);
}

static bool take(struct search *s, const rd_kafka_message_t *message, struct error *error)
{
    struct tail *t = message->rkt ? find(s, message) : NULL;
    if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return error_set(error, "%s", rd_kafka_message_errstr(message));
    if (!t || !t->reading)
        return true;
    return message->err ? end_slice(s, t, error) : take_message(s, t, message, error);
}

static bool look_up_bounds(struct search *s, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                           int64_t count, struct error *error)
{
    if (!offsets_look_up(rk, list, OFFSET_OF_BEGINNING, error))
        return false;
    for (int i = 0; i < list->cnt; i++)
        s->tails[i].first = list->elems[i].offset;
    if (!offsets_look_up(rk, list, OFFSET_OF_END, error))
        return false;
    for (int i = 0; i < list->cnt; i++) {
        struct tail *t = &s->tails[i];
        t->missing = count;
        t->end = list->elems[i].offset;
        t->begin = t->end - t->first > count ? t->end - count : t->first;
        if (t->begin <= t->first || count == 0)
            finish(s, t, t->begin);
        else if (!start_reading(s, t, error))
            return false;
    }
    return true;
}

static bool search(struct search *s, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t count,
                   int64_t deadline, struct error *error)
{
    bool ok = look_up_bounds(s, rk, list, count, error);
    while (ok && s->undone > 0) {
        if (stop_requested() || (deadline && clock_monotonic() >= deadline))
            return error_set(error, "interrupted while searching for the last messages");
        rd_kafka_message_t *message = rd_kafka_consume_queue(s->queue, IDLE_MS);
        if (!message)
            continue;
        ok = take(s, message, error);
        rd_kafka_message_destroy(message);
    }
    return ok;
}

bool tail_find(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t count, int64_t deadline,
               struct error *error)
{
    struct search s = {.count = list->cnt, .undone = list->cnt, .queue = rd_kafka_queue_new(rk)};
    s.tails = calloc((size_t)list->cnt + 1, sizeof *s.tails);
    if (!s.tails)
        out_of_memory(((size_t)list->cnt + 1) * sizeof *s.tails);
    for (int i = 0; i < list->cnt; i++) {
        s.tails[i].found = &list->elems[i];
        s.tails[i].topic = rd_kafka_topic_new(rk, list->elems[i].topic, NULL);
    }
    bool ok = search(&s, rk, list, count, deadline, error);
    for (int i = 0; i < list->cnt; i++) {
        stop_reading(&s.tails[i]);
        rd_kafka_topic_destroy(s.tails[i].topic);
    }
    rd_kafka_queue_destroy(s.queue);
    free(s.tails);
    return ok;
}
