#include "assignment.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/out_of_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const int64_t commit_interval = 5 * SECOND, retry_interval = SECOND;
enum { WATERMARK_MS = 5000, SHORT_WATERMARK_MS = 500 };

void assignment_init(struct assignment *a, struct progress *progress)
{
    *a = (struct assignment){.progress = progress};
}

void assignment_free(struct assignment *a)
{
    free(a->places);
}

/* ---- places ---- */

static struct place *add_place(struct assignment *a, const char *topic, int32_t partition)
{
    size_t id = progress_partition(a->progress, topic, partition);
    if (id >= a->count) {
        a->places = realloc(a->places, (id + 1) * sizeof *a->places);
        if (!a->places)
            out_of_memory((id + 1) * sizeof *a->places);
        a->places[id] =
            (struct place){.id = id, .topic = a->progress->partitions[id].topic, .partition = partition};
        a->count = id + 1;
        a->recent = NULL;
    }
    return &a->places[id];
}

static bool is_place(const struct place *place, const char *topic, int32_t partition)
{
    return place->partition == partition && strcmp(place->topic, topic) == 0;
}

struct place *assignment_find(struct assignment *a, const char *topic, int32_t partition)
{
    if (!a->recent || !is_place(a->recent, topic, partition)) {
        a->recent = NULL;
        for (size_t i = 0; i < a->count && !a->recent; i++)
            if (is_place(&a->places[i], topic, partition))
                a->recent = &a->places[i];
    }
    return a->recent && a->recent->state == PLACE_READING ? a->recent : NULL;
}

static void set_assigned(struct assignment *a, const struct place *place, bool assigned)
{
    pthread_mutex_lock(&a->progress->mutex);
    a->progress->partitions[place->id].assigned = assigned;
    pthread_mutex_unlock(&a->progress->mutex);
}

void assignment_use(struct assignment *a, rd_kafka_t *rk)
{
    a->rk = rk;
    for (size_t i = 0; i < a->count; i++) {
        a->places[i].state = PLACE_ELSEWHERE;
        a->places[i].fetched = false;
        set_assigned(a, &a->places[i], false);
    }
}

/* ---- calls of librdkafka ---- */

static void warn_if(rd_kafka_error_t *failure, const char *what)
{
    if (!failure)
        return;
    log_warning(partitions_failed, "cannot %s partitions: %s", what, rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
}

static rd_kafka_topic_partition_list_t *list_of(const struct place *place, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, place->topic, place->partition)->offset = offset;
    return list;
}

static void put_back(struct assignment *a, struct place *place)
{
    if (!place->fetched)
        return;
    rd_kafka_topic_partition_list_t *list = list_of(place, RD_KAFKA_OFFSET_INVALID);
    warn_if(rd_kafka_incremental_unassign(a->rk, list), "put back");
    rd_kafka_topic_partition_list_destroy(list);
    place->fetched = false;
}

/* Nothing is fetched until its position is known. */
static void hold(struct assignment *a, struct place *place)
{
    put_back(a, place);
    place->state = PLACE_UNKNOWN;
}

/* Reads the partition from the offset on. What was fetched before is dropped by librdkafka. (Its pause and
 * resume would do the same, but where a partition is resumed that is not paused, librdkafka 2.0.2 skips what
 * it had fetched.) */
static void read_from(struct assignment *a, struct place *place, int64_t offset)
{
    put_back(a, place);
    rd_kafka_topic_partition_list_t *list = list_of(place, offset);
    warn_if(rd_kafka_incremental_assign(a->rk, list), "read");
    rd_kafka_topic_partition_list_destroy(list);
    place->fetched = true;
    place->state = PLACE_READING;
}

/* From the first message that there is. */
static void read_from_beginning(struct assignment *a, struct place *place)
{
    place->from = 0;
    place->mark = 0;
    read_from(a, place, RD_KAFKA_OFFSET_BEGINNING);
}

/* librdkafka gets none of them yet: it would fetch them, without end where messages come without a pause or
 * the database is away. */
void assignment_gain(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
    log_info_with(partitions_assigned, LOG_FIELDS(LOG_NUMBER("partitions", list->cnt)),
                  "partitions assigned: %d", list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        struct place *place = add_place(a, list->elems[i].topic, list->elems[i].partition);
        place->state = PLACE_UNKNOWN;
        set_assigned(a, place, true);
    }
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    warn_if(rd_kafka_incremental_assign(a->rk, none), "take");
    rd_kafka_topic_partition_list_destroy(none);
}

void assignment_lose(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *fetched = rd_kafka_topic_partition_list_new(list->cnt);
    log_info_with(partitions_revoked, LOG_FIELDS(LOG_NUMBER("partitions", list->cnt)),
                  "partitions given up: %d", list->cnt);
    assignment_commit(a);
    for (int i = 0; i < list->cnt; i++) {
        struct place *place = add_place(a, list->elems[i].topic, list->elems[i].partition);
        if (place->fetched)
            rd_kafka_topic_partition_list_add(fetched, place->topic, place->partition);
        place->fetched = false;
        place->state = PLACE_ELSEWHERE;
        set_assigned(a, place, false);
    }
    warn_if(rd_kafka_incremental_unassign(a->rk, fetched), "give up");
    rd_kafka_topic_partition_list_destroy(fetched);
}

/* ---- positions ---- */

bool assignment_let_go(struct assignment *a)
{
    bool any = false;
    for (size_t i = 0; i < a->count; i++) {
        any = any || a->places[i].state == PLACE_READING;
        if (a->places[i].state != PLACE_ELSEWHERE)
            hold(a, &a->places[i]);
    }
    return any;
}

bool assignment_question(struct assignment *a, struct question *question)
{
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        count += a->places[i].state == PLACE_UNKNOWN;
    if (a->asked || count == 0 || clock_monotonic() < a->next_question)
        return false;
    *question = (struct question){calloc(count, sizeof *question->positions),
                                  calloc(count, sizeof *question->ids), 0};
    if (!question->positions || !question->ids)
        out_of_memory(count * sizeof *question->positions);
    for (size_t i = 0; i < a->count; i++) {
        struct place *place = &a->places[i];
        if (place->state != PLACE_UNKNOWN)
            continue;
        place->state = PLACE_ASKED;
        question->ids[question->count] = i;
        question->positions[question->count++] =
            (struct database_position){.topic = place->topic, .partition = place->partition};
    }
    a->asked = true;
    return true;
}

static void tell_position(struct assignment *a, const struct place *place)
{
    pthread_mutex_lock(&a->progress->mutex);
    a->progress->partitions[place->id].stored = place->position;
    pthread_mutex_unlock(&a->progress->mutex);
}

void assignment_place(struct assignment *a, const struct question *reply, bool at_end)
{
    a->asked = false;
    for (size_t i = 0; i < reply->count; i++) {
        struct place *place = &a->places[reply->ids[i]];
        /* The partition may have gone, or come back, since the question. */
        if (place->state != PLACE_ASKED)
            continue;
        place->position = place->from = reply->positions[i].next;
        place->again = false;
        place->mark = place->from > 0 ? reply->positions[i].mark : 0;
        tell_position(a, place);
        if (place->position < 0 && at_end) {
            place->from = 0;
            read_from(a, place, RD_KAFKA_OFFSET_END);
        } else if (place->position < 0)
            read_from_beginning(a, place);
        else
            read_from(a, place, place->from - (place->mark != 0));
    }
}

/* ---- messages ---- */

static void tell_recreated(struct assignment *a, const struct place *place)
{
    progress_count(a->progress, &a->progress->counts.topics_recreated, 1);
    log_warning_with(
        topic_recreated,
        LOG_FIELDS(LOG_TEXT("topic", place->topic), LOG_NUMBER("partition", place->partition)),
        "topic '%s', partition %d has other messages than those that are stored up to offset %" PRId64
        ": its topic was created again, or Kafka has lost some; it is read from its beginning",
        place->topic, (int)place->partition, place->position);
}

bool assignment_accepts(struct assignment *a, struct place *place, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    if (place->mark && message->offset < place->from) {
        const struct bytes key = {message->key, message->key_len}, payload = {message->payload, message->len};
        int64_t mark = batch_mark(rd_kafka_message_timestamp(message, &type), key, payload);
        bool same = message->offset == place->from - 1 && mark == place->mark;
        place->mark = 0;
        if (!same) {
            tell_recreated(a, place);
            read_from_beginning(a, place);
        }
        return false;
    }
    /* The message before the position did not come. Kafka may have deleted it. It is read once more, so that
     * no message that is still there is skipped. */
    if (place->mark && !place->again) {
        place->again = true;
        read_from(a, place, place->from - 1);
        return false;
    }
    place->mark = 0;
    return message->offset >= place->from;
}

static void skip_expired(struct assignment *a, struct place *place, int64_t low)
{
    progress_count(a->progress, &a->progress->counts.expired_messages, (uint64_t)(low - place->from));
    log_warning_with(messages_expired,
                     LOG_FIELDS(LOG_TEXT("topic", place->topic), LOG_NUMBER("partition", place->partition),
                                LOG_NUMBER("messages", low - place->from)),
                     "topic '%s', partition %d: the offsets %" PRId64 " to %" PRId64
                     " are no longer in Kafka (its retention), and were not stored",
                     place->topic, (int)place->partition, place->from, low - 1);
    place->from = low;
}

void assignment_lost_offset(struct assignment *a, struct place *place)
{
    int64_t low, high;
    rd_kafka_resp_err_t err =
        rd_kafka_query_watermark_offsets(a->rk, place->topic, place->partition, &low, &high, WATERMARK_MS);
    if (err) { /* later, from the position that the database has */
        hold(a, place);
        a->next_question = clock_monotonic() + retry_interval;
        return;
    }
    place->mark = 0;
    if (place->from > high) {
        tell_recreated(a, place);
        read_from_beginning(a, place);
        return;
    }
    if (place->from < low)
        skip_expired(a, place, low);
    read_from(a, place, place->from);
}

/* ---- now and then ---- */

static void set_end(struct assignment *a, const struct place *place, int64_t end)
{
    pthread_mutex_lock(&a->progress->mutex);
    if (end >= 0)
        a->progress->partitions[place->id].end = end;
    pthread_mutex_unlock(&a->progress->mutex);
}

void assignment_ask_end(struct assignment *a, const struct place *place)
{
    int64_t low, high;
    if (!rd_kafka_query_watermark_offsets(a->rk, place->topic, place->partition, &low, &high,
                                          SHORT_WATERMARK_MS))
        set_end(a, place, high);
}

/* Where nothing is fetched, Kafka is asked: for one partition each time, since that waits. */
static void ask_next_end(struct assignment *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct place *place = &a->places[a->next_end++ % a->count];
        if (place->state == PLACE_ELSEWHERE)
            continue;
        assignment_ask_end(a, place);
        return;
    }
}

const struct place *assignment_behind(struct assignment *a, const struct batch *batch)
{
    int64_t low, high;
    for (size_t i = 0; i < batch->part_count; i++) {
        const struct part *part = &batch->parts[a->next_behind++ % batch->part_count];
        const struct place *place = &a->places[part->id];
        if (place->state == PLACE_READING &&
            !rd_kafka_get_watermark_offsets(a->rk, place->topic, place->partition, &low, &high) &&
            high > part->next)
            return place;
    }
    return NULL;
}

void assignment_tick(struct assignment *a)
{
    int64_t low, high;
    bool unplaced = false;
    for (size_t i = 0; i < a->count; i++) {
        const struct place *place = &a->places[i];
        unplaced = unplaced || place->state == PLACE_UNKNOWN || place->state == PLACE_ASKED;
        if (place->state == PLACE_READING &&
            !rd_kafka_get_watermark_offsets(a->rk, place->topic, place->partition, &low, &high))
            set_end(a, place, high);
    }
    if (unplaced)
        ask_next_end(a);
    if (clock_monotonic() < a->next_commit)
        return;
    a->next_commit = clock_monotonic() + commit_interval;
    assignment_commit(a);
}

void assignment_commit(struct assignment *a)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)a->count);
    pthread_mutex_lock(&a->progress->mutex);
    for (size_t i = 0; i < a->count; i++) {
        struct progress_partition *partition = &a->progress->partitions[i];
        if (!partition->assigned || partition->stored < 0 || partition->stored == partition->committed)
            continue;
        partition->committed = partition->stored;
        rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition)->offset =
            partition->stored;
    }
    pthread_mutex_unlock(&a->progress->mutex);
    if (list->cnt > 0)
        rd_kafka_commit(a->rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}
