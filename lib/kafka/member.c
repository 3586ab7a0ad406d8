#include "member.h"

#include "core/clock.h"

enum { LEAVE_STEP_MS = 100 };
/* Kafka reads nothing more from a member that waits for its group's rebalance, so its leave waits too. The
 * living are in it after a heartbeat (heartbeat.interval.ms, 3 s). A killed one, session.timeout.ms late,
 * would not be worth the wait: the group misses us as late. */
static const int64_t leave_time = 4 * SECOND;
static const int64_t peace = 5 * MINUTE; /* without being fenced, and it is over */

bool kafka_member_subscribe(rd_kafka_t *rk, const struct text_list *topics, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topics->count);
    for (size_t i = 0; i < topics->count; i++)
        rd_kafka_topic_partition_list_add(list, topics->items[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return !err || error_set(error, "cannot subscribe to the topics: %s", rd_kafka_err2str(err));
}

bool kafka_member_leave(rd_kafka_t *rk, rd_kafka_queue_t *queue, struct error *error)
{
    int64_t deadline = clock_monotonic() + leave_time;
    rd_kafka_error_t *failure = rd_kafka_consumer_close_queue(rk, queue);
    if (failure) {
        error_set(error, "%s", rd_kafka_error_string(failure));
        rd_kafka_error_destroy(failure);
        return false;
    }
    while (!rd_kafka_consumer_closed(rk) && clock_monotonic() < deadline) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, LEAVE_STEP_MS);
        if (message)
            rd_kafka_message_destroy(message);
    }
    return rd_kafka_consumer_closed(rk) ||
           error_set(error,
                     "Kafka has not let us go within %lld s, since the group rebalances or Kafka is away",
                     (long long)(leave_time / SECOND));
}

bool kafka_member_destroy(rd_kafka_t *rk, bool assigned)
{
    static const int with_checked_state = 0x02030000;
    static rd_kafka_t *volatile left; /* for checkers of leaks: what is left is not forgotten */
    if (assigned || rd_kafka_version() >= with_checked_state)
        return kafka_destroy(rk);
    left = rk;
    (void)left;
    return false;
}

struct kafka_fencing kafka_fencing_new(void)
{
    return (struct kafka_fencing){.backoff = {.first = 2 * SECOND, .longest = MINUTE}, .log.interval = peace};
}

bool kafka_is_fenced(rd_kafka_t *rk)
{
    return rd_kafka_fatal_error(rk, NULL, 0) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

int64_t kafka_fenced(struct kafka_fencing *f)
{
    int64_t now = clock_monotonic();
    if (f->last && now - f->last > peace)
        backoff_reset(&f->backoff);
    f->last = now;
    int64_t wait = backoff_next(&f->backoff);
    log_limited(
        &f->log, LOG_LEVEL_WARNING, group_fenced, NULL,
        "Kafka has given our group.instance.id to another member of the group, and we join again in %.1f s: if this comes again, another program has this id: give each its own",
        (double)wait / SECOND);
    return wait;
}
