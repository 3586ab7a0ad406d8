#include "statistics.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "numbered.h"
#include "sequence.h"

#include <inttypes.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOPICS_MAX = 1024, NODES_MAX = 4096, TOPIC_SIZE = 1024 };

/* A topic (then with its sequence), or a node of a topic. */
struct row {
    char *topic;
    char node[NODE_SIZE]; /* empty: the topic itself */
    uint64_t messages, doubled;
    struct sequence *sequence;
};

struct totals {
    uint64_t messages, bytes;
};

struct statistics {
    pthread_mutex_t mutex;
    void *rows; /* tree of struct row, see tsearch(3); each topic comes before its nodes */
    size_t topics, nodes;
    struct totals totals, reported; /* reported: when the last line was logged */
    int64_t begun, reported_at;     /* monotonic ns */
    uint64_t numbered, not_followed;
};

struct statistics *statistics_new(void)
{
    struct statistics *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->mutex, NULL);
    s->begun = s->reported_at = clock_monotonic();
    return s;
}

static void free_row(void *pointer)
{
    struct row *row = pointer;
    free(row->topic);
    free(row->sequence);
    free(row);
}

void statistics_free(struct statistics *s)
{
    if (!s)
        return;
    tdestroy(s->rows, free_row);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

/* ---- counting ---- */

static int compare_rows(const void *a, const void *b)
{
    const struct row *one = a, *other = b;
    int order = strcmp(one->topic, other->topic);
    return order ? order : strcmp(one->node, other->node);
}

/* The row, made where there is none; NULL at the bounds of memory. */
static struct row *row_of(struct statistics *s, const char *topic, const char *node)
{
    struct row key = {.topic = (char *)topic};
    size_t *count = *node ? &s->nodes : &s->topics;
    strcpy(key.node, node);
    struct row **found = tfind(&key, &s->rows, compare_rows);
    if (found)
        return *found;
    if (*count >= (*node ? NODES_MAX : TOPICS_MAX) || strlen(topic) > TOPIC_SIZE)
        return NULL;
    struct row *row = malloc(sizeof *row);
    if (!row)
        return NULL;
    *row = key;
    row->topic = strdup(topic);
    row->sequence = *node ? NULL : calloc(1, sizeof *row->sequence);
    if (!row->topic || (!row->sequence && !*node) || !tsearch(row, &s->rows, compare_rows)) {
        free_row(row);
        return NULL;
    }
    ++*count;
    return row;
}

/* With the lock held. */
static void follow(struct statistics *s, const char *topic, const struct numbered *numbered)
{
    struct row *of_topic = row_of(s, topic, "");
    struct row *of_node = of_topic && *numbered->node ? row_of(s, topic, numbered->node) : NULL;
    s->numbered++;
    if (!of_topic || (*numbered->node && !of_node))
        s->not_followed++;
    if (!of_topic)
        return;
    bool doubled = sequence_add(of_topic->sequence, numbered->number) == SEQUENCE_DOUBLED;
    of_topic->messages++;
    if (!of_node)
        return;
    of_node->messages++;
    of_node->doubled += doubled;
}

void statistics_add(struct statistics *s, const struct mqtt_message *message)
{
    struct numbered numbered;
    bool has_number = numbered_read(message, &numbered);
    pthread_mutex_lock(&s->mutex);
    s->totals.messages++;
    s->totals.bytes += message->payload_length;
    if (has_number)
        follow(s, message->topic, &numbered);
    pthread_mutex_unlock(&s->mutex);
}

/* ---- reporting ---- */

struct faults {
    uint64_t missing, doubled;
};

static void add_faults(const void *node, VISIT visit, void *context)
{
    const struct row *row = *(const struct row *const *)node;
    struct faults *faults = context;
    if ((visit != postorder && visit != leaf) || !row->sequence)
        return;
    faults->missing += sequence_missing(row->sequence);
    faults->doubled += row->sequence->doubled;
}

/* Logs a line on the messages since then, and on the faults in all. With the lock held. */
static void log_totals(struct statistics *s, bool all, const struct totals *before, int64_t since)
{
    double seconds = (double)(clock_monotonic() - since) / SECOND;
    uint64_t messages = s->totals.messages - before->messages, bytes = s->totals.bytes - before->bytes;
    char size[TEXT_SIZE_SIZE], rate[TEXT_SIZE_SIZE], text[400];
    struct faults faults = {0};
    text_from_size((int64_t)bytes, size);
    text_from_size((int64_t)((double)bytes / seconds), rate);
    twalk_r(s->rows, add_faults, &faults);
    snprintf(text, sizeof text,
             "%" PRIu64 " messages (%s) in %.1f s: %.0f messages/s, %s/s; by seq %" PRIu64
             " missing, %" PRIu64 " doubled%s",
             messages, size, seconds, (double)messages / seconds, rate, faults.missing, faults.doubled,
             s->numbered ? "" : " (none has a seq)");
    const struct log_field *fields =
        LOG_FIELDS(LOG_NUMBER("messages", messages), LOG_NUMBER("bytes", bytes),
                   LOG_NUMBER("duration_ms", seconds * 1000), LOG_NUMBER("missing", faults.missing),
                   LOG_NUMBER("doubled", faults.doubled));
    if (all)
        log_info_with(statistics_total, fields, "total: %s", text);
    else
        log_info_with(statistics, fields, "%s", text);
}

void statistics_log(struct statistics *s)
{
    pthread_mutex_lock(&s->mutex);
    log_totals(s, false, &s->reported, s->reported_at);
    s->reported = s->totals;
    s->reported_at = clock_monotonic();
    pthread_mutex_unlock(&s->mutex);
}

static void log_topic(const struct row *row)
{
    const struct sequence *sequence = row->sequence;
    uint64_t missing = sequence_missing(sequence);
    const struct log_field *fields =
        LOG_FIELDS(LOG_TEXT("topic", row->topic), LOG_NUMBER("messages", row->messages),
                   LOG_NUMBER("missing", missing), LOG_NUMBER("doubled", sequence->doubled));
    if (sequence->times_begun == 1)
        log_info_with(topic_statistics, fields,
                      "topic '%s': %" PRIu64 " messages, seq %" PRIu64 " to %" PRIu64 ": %" PRIu64
                      " missing, %" PRIu64 " doubled",
                      row->topic, row->messages, sequence->first, sequence->last, missing, sequence->doubled);
    else
        log_info_with(topic_statistics, fields,
                      "topic '%s': %" PRIu64 " messages, seq began %" PRIu64 " times and is at %" PRIu64
                      ": %" PRIu64 " missing, %" PRIu64 " doubled",
                      row->topic, row->messages, sequence->times_begun, sequence->last, missing,
                      sequence->doubled);
}

/* Nothing is missing of a node by itself: the numbers are the topic's. */
static void log_node(const struct row *row)
{
    log_info_with(topic_statistics,
                  LOG_FIELDS(LOG_TEXT("topic", row->topic), LOG_TEXT("node", row->node),
                             LOG_NUMBER("messages", row->messages), LOG_NUMBER("doubled", row->doubled)),
                  "topic '%s', node %s: %" PRIu64 " messages, %" PRIu64 " doubled", row->topic, row->node,
                  row->messages, row->doubled);
}

static void log_row(const void *node, VISIT visit, void *context)
{
    const struct row *row = *(const struct row *const *)node;
    (void)context;
    if (visit != postorder && visit != leaf)
        return;
    if (row->sequence)
        log_topic(row);
    else
        log_node(row);
}

void statistics_log_total(struct statistics *s)
{
    static const struct totals nothing;
    pthread_mutex_lock(&s->mutex);
    twalk_r(s->rows, log_row, NULL);
    if (s->not_followed)
        log_warning(statistics_incomplete,
                    "%" PRIu64 " messages were counted, but not all that is said of topics and nodes holds "
                    "them: at most %d topics and %d nodes are followed",
                    s->not_followed, TOPICS_MAX, NODES_MAX);
    log_totals(s, true, &nothing, s->begun);
    pthread_mutex_unlock(&s->mutex);
}
