#include "partitions.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 1000, RUN = 100 /* messages of one partition in a row */ };
static const int64_t ask_interval = SECOND;

void partitions_init(struct partitions *p, bool at_end, int event, struct counts *counts)
{
    *p = (struct partitions){.at_end = at_end, .event = event, .counts = counts};
    p->failing.interval = 30 * SECOND;
}

static void close_queue(struct place *place)
{
    if (place->queue)
        rd_kafka_queue_destroy(place->queue);
    place->queue = NULL;
}

void partitions_free(struct partitions *p)
{
    for (size_t i = 0; i < p->count; i++) {
        close_queue(p->items[i]);
        offsets_free(&p->items[i]->offsets);
        free(p->items[i]->topic);
        free(p->items[i]);
    }
    free(p->items);
}

static struct place *find(const struct partitions *p, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i]->partition == partition && strcmp(p->items[i]->topic, topic) == 0)
            return p->items[i];
    return NULL;
}

static struct place *find_or_add(struct partitions *p, const char *topic, int32_t partition)
{
    struct place *place = find(p, topic, partition);
    if (place)
        return place;
    p->items = realloc(p->items, (p->count + 1) * sizeof(struct place *));
    place = calloc(1, sizeof *place);
    if (!p->items || !place)
        out_of_memory((p->count + 1) * sizeof *place);
    *place = (struct place){.topic = text_copy(topic), .partition = partition, .end = -1};
    p->items[p->count++] = place;
    return place;
}

/* ---- calls of librdkafka ---- */

static void warn_if(rd_kafka_error_t *failure, const char *what)
{
    if (!failure)
        return;
    log_warning(partitions_failed, "cannot %s partitions: %s", what, rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
}

/* librdkafka drops what it has fetched. */
static void read_from(struct partitions *p, struct place *place, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, place->topic, place->partition)->offset = offset;
    warn_if(rd_kafka_incremental_unassign(p->rk, list), "put back");
    warn_if(rd_kafka_incremental_assign(p->rk, list), "read");
    rd_kafka_topic_partition_list_destroy(list);
    place->unplaced = false;
}

/* Messages of the partition stay in its queue, in place of joining those of the group. */
static void open_queue(struct partitions *p, struct place *place)
{
    static const uint64_t one = 1; /* what librdkafka writes to the eventfd */
    place->queue = rd_kafka_queue_get_partition(p->rk, place->topic, place->partition);
    if (!place->queue)
        out_of_memory(sizeof *place);
    rd_kafka_queue_forward(place->queue, NULL);
    rd_kafka_queue_io_event_enable(place->queue, p->event, &one, sizeof one);
}

void partitions_gain(struct partitions *p, rd_kafka_topic_partition_list_t *list)
{
    log_info_with(partitions_assigned, LOG_FIELDS(LOG_NUMBER("partitions", list->cnt)),
                  "partitions assigned: %d", list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        struct place *place = find_or_add(p, list->elems[i].topic, list->elems[i].partition);
        offsets_begin(&place->offsets);
        place->life++;
        place->assigned = true;
        place->unplaced = false;
        open_queue(p, place);
    }
    warn_if(rd_kafka_incremental_assign(p->rk, list), "take");
}

/* What was taken and has no outcome returns to Kafka. */
static void forget(struct partitions *p, struct place *place)
{
    p->counts->returned += place->offsets.undone;
    place->life++;
}

static void give_up(struct partitions *p, struct place *place)
{
    forget(p, place);
    offsets_begin(&place->offsets);
    place->assigned = false;
    close_queue(place);
}

void partitions_use(struct partitions *p, rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i]->assigned)
            give_up(p, p->items[i]);
    p->rk = rk;
    p->queue = queue;
    p->committing = false;
}

/* ---- commits ---- */

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                      void *opaque)
{
    struct partitions *p = opaque;
    (void)rk;
    p->committing = false;
    for (int i = 0; list && i < list->cnt; i++) {
        struct place *place = find(p, list->elems[i].topic, list->elems[i].partition);
        if (!err && !list->elems[i].err && place && place->assigned)
            offsets_committed(&place->offsets, list->elems[i].offset);
        else if (!err)
            err = list->elems[i].err;
    }
    p->counts->commits += !err;
    p->counts->commits_failed += err != 0;
    if (err)
        log_debug(offset_not_committed, "Kafka does not take our position now: %s", rd_kafka_err2str(err));
}

static bool begin_commit(struct partitions *p, rd_kafka_queue_t *queue)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)p->count);
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i]->assigned && offsets_due(&p->items[i]->offsets))
            rd_kafka_topic_partition_list_add(list, p->items[i]->topic, p->items[i]->partition)->offset =
                p->items[i]->offsets.position;
    bool begun = list->cnt > 0 && !rd_kafka_commit_queue(p->rk, list, queue, on_commit, p);
    rd_kafka_topic_partition_list_destroy(list);
    return begun;
}

void partitions_commit(struct partitions *p)
{
    if (!p->committing)
        p->committing = begin_commit(p, p->queue);
}

static void commit_now(struct partitions *p, int64_t ns)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(p->rk);
    if (begin_commit(p, queue))
        rd_kafka_queue_poll_callback(queue, (int)(ns / MILLISECOND));
    rd_kafka_queue_destroy(queue);
}

void partitions_lose(struct partitions *p, rd_kafka_topic_partition_list_t *list, int64_t commit_ns)
{
    log_info_with(partitions_revoked, LOG_FIELDS(LOG_NUMBER("partitions", list->cnt)),
                  "partitions given up: %d", list->cnt);
    if (commit_ns > 0)
        commit_now(p, commit_ns);
    for (int i = 0; i < list->cnt; i++) {
        struct place *place = find(p, list->elems[i].topic, list->elems[i].partition);
        if (place && place->assigned)
            give_up(p, place);
    }
    warn_if(rd_kafka_incremental_unassign(p->rk, list), "give up");
}

/* ---- positions ---- */

void partitions_done(struct place *place, int64_t offset, int64_t timestamp)
{
    offsets_done(&place->offsets, offset);
    if (timestamp > 0)
        place->timestamp = timestamp;
}

void partitions_rewind(struct partitions *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct place *place = p->items[i];
        if (!place->rewind)
            continue;
        place->rewind = false;
        if (!place->assigned || place->offsets.undone == 0)
            continue;
        forget(p, place);
        offsets_rewind(&place->offsets);
        read_from(p, place, place->offsets.position);
    }
}

/* The position of the group; -1: it has none, -2: Kafka does not answer. */
static int64_t ask_position(struct partitions *p, const struct place *place)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, place->topic, place->partition);
    bool failed = rd_kafka_committed(p->rk, list, ASK_MS) || list->elems[0].err;
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return failed ? -2 : offset < 0 ? -1 : offset;
}

/* The new position is committed soon, also while no message is done: the old one could fit the topic once it
 * has grown, and all below it would be passed over. */
static void begin_again(struct partitions *p, struct place *place, int64_t position, int64_t low)
{
    p->counts->topics_recreated++;
    log_warning_with(
        topic_recreated,
        LOG_FIELDS(LOG_TEXT("topic", place->topic), LOG_NUMBER("partition", place->partition)),
        "topic '%s', partition %d ends before the position %" PRId64
        ": the topic was created again, or Kafka has lost messages; it is read from its beginning",
        place->topic, (int)place->partition, position);
    forget(p, place);
    offsets_start(&place->offsets, low);
    read_from(p, place, low);
}

static void skip_expired(struct partitions *p, struct place *place, int64_t position, int64_t low)
{
    p->counts->expired += (uint64_t)(low - position);
    log_warning_with(messages_expired,
                     LOG_FIELDS(LOG_TEXT("topic", place->topic), LOG_NUMBER("partition", place->partition),
                                LOG_NUMBER("messages", low - position)),
                     "topic '%s', partition %d: the offsets %" PRId64 " to %" PRId64
                     " are no longer in Kafka (its retention), and were not sent",
                     place->topic, (int)place->partition, position, low - 1);
    read_from(p, place, low);
}

/* There is no position, or none that Kafka still has. False: Kafka does not answer. */
static bool place_again(struct partitions *p, struct place *place)
{
    int64_t low, high, position = offsets_next(&place->offsets);
    if (position < 0)
        position = ask_position(p, place);
    if (position < -1 ||
        rd_kafka_query_watermark_offsets(p->rk, place->topic, place->partition, &low, &high, ASK_MS))
        return false;
    if (position == -1) {
        /* Committed soon, also while no message is done: after a kill the end may be another one. */
        offsets_start(&place->offsets, p->at_end ? high : low);
        read_from(p, place, place->offsets.position);
    } else if (position > high)
        begin_again(p, place, position, low);
    else if (position < low)
        skip_expired(p, place, position, low);
    else
        read_from(p, place, position);
    return true;
}

void partitions_place(struct partitions *p)
{
    int64_t end = clock_monotonic() + ask_interval;
    for (size_t i = 0; i < p->count && clock_monotonic() < end; i++) {
        struct place *place = p->items[p->next_unplaced++ % p->count];
        if (!place->assigned || !place->unplaced || clock_monotonic() < p->ask)
            continue;
        if (!place_again(p, place)) {
            p->ask = clock_monotonic() + ask_interval;
            return;
        }
    }
}

/* ---- messages ---- */

/* librdkafka goes on by itself. */
static void on_error(struct partitions *p, struct place *place, const rd_kafka_message_t *message)
{
    char reason[KAFKA_ERROR_SIZE];
    const char *text = kafka_explain(message->err, rd_kafka_message_errstr(message), reason);
    p->counts->partition_errors++;
    place->failing = true;
    snprintf(p->trouble, sizeof p->trouble, "topic '%s', partition %d: %s", place->topic,
             (int)place->partition, text);
    log_limited(&p->failing, LOG_LEVEL_WARNING, partition_error,
                LOG_FIELDS(LOG_TEXT("topic", place->topic), LOG_NUMBER("partition", place->partition),
                           LOG_TEXT("reason", text)),
                "%s; trying again", p->trouble);
}

/* Takes what is not a message. */
static void on_event(struct partitions *p, struct place *place, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        offsets_end(&place->offsets, message->offset);
        place->end = message->offset;
        place->failing = false;
    } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
               message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        place->unplaced = true;
    else
        on_error(p, place, message);
}

static rd_kafka_message_t *take_from(struct partitions *p, struct place *place)
{
    rd_kafka_message_t *message;
    while (place->assigned && (message = rd_kafka_consume_queue(place->queue, 0))) {
        if (!message->err) {
            offsets_take(&place->offsets, message->offset);
            p->counts->consumed++;
            place->failing = false;
            return message;
        }
        on_event(p, place, message);
        rd_kafka_message_destroy(message);
    }
    return NULL;
}

rd_kafka_message_t *partitions_take(struct partitions *p, struct place **place)
{
    for (size_t i = 0; i < p->count; i++) {
        struct place *one = p->items[p->next % p->count];
        rd_kafka_message_t *message = take_from(p, one);
        if (message) {
            *place = one;
            p->next += message->offset % RUN == 0;
            return message;
        }
        p->next++;
    }
    return NULL;
}

size_t partitions_open(const struct partitions *p)
{
    size_t open = 0;
    for (size_t i = 0; i < p->count; i++)
        open += offsets_open(&p->items[i]->offsets);
    return open;
}

size_t partitions_waiting(const struct partitions *p)
{
    size_t waiting = 0;
    for (size_t i = 0; i < p->count; i++)
        waiting += offsets_open(&p->items[i]->offsets) - p->items[i]->offsets.undone;
    return waiting;
}

/* ---- now and then ---- */

void partitions_tick(struct partitions *p)
{
    int64_t low, high;
    for (size_t i = 0; i < p->count; i++) {
        struct place *place = p->items[i];
        if (!place->assigned)
            continue;
        if (!rd_kafka_get_watermark_offsets(p->rk, place->topic, place->partition, &low, &high) && high >= 0)
            place->end = high;
    }
}

const char *partitions_trouble(const struct partitions *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i]->assigned && p->items[i]->failing)
            return p->trouble;
    return "";
}

struct partition_view partitions_view(const struct place *place)
{
    int64_t position = place->offsets.position;
    struct partition_view view = {
        .partition = place->partition, .position = position, .lag = -1, .lag_seconds = -1};
    snprintf(view.topic, sizeof view.topic, "%s", place->topic);
    if (place->end < 0 || position < 0)
        return view;
    view.lag = place->end > position ? (double)(place->end - position) : 0;
    double age = (double)(clock_realtime() / MILLISECOND - place->timestamp) / 1000;
    view.lag_seconds = view.lag == 0 ? 0 : place->timestamp == 0 ? -1 : age > 0 ? age : 0;
    return view;
}
