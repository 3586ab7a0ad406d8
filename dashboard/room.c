#include "room.h"

#include "core/json_stream.h"
#include "points.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const int64_t day = 86400000; /* ms */

struct series {
    char name[READING_NAME];
    struct points points, news;
    struct point held; /* far away from the others, waiting for one that lies near it */
    bool holds;
};

struct topic {
    const char *name;
    char unit[sizeof((struct reading *)0)->unit];
    char text[ROOM_TEXT]; /* the newest payload */
    uint64_t messages, left_out;
    uint64_t earlier[ROOM_RATE_SECONDS]; /* messages, once a second */
    struct series *series[ROOM_SERIES];
    size_t series_count;
    bool crowded; /* there are more keys than series */
};

struct room {
    pthread_mutex_t mutex; /* guards what follows */
    struct topic *topics;
    size_t count, people;
    size_t ticks;
};

struct room *room_new(const struct text_list *topics, size_t people, struct error *error)
{
    struct room *room = calloc(1, sizeof *room);
    struct topic *all = calloc(topics->count, sizeof *all);
    if (!room || !all) {
        free(room);
        free(all);
        error_set(error, "out of memory");
        return NULL;
    }
    *room = (struct room){.topics = all, .count = topics->count, .people = people};
    pthread_mutex_init(&room->mutex, NULL);
    for (size_t i = 0; i < topics->count; i++)
        all[i].name = topics->items[i];
    return room;
}

void room_free(struct room *room)
{
    if (!room)
        return;
    for (size_t i = 0; i < room->count; i++)
        for (size_t k = 0; k < room->topics[i].series_count; k++) {
            struct series *series = room->topics[i].series[k];
            points_free(&series->points);
            points_free(&series->news);
            free(series);
        }
    free(room->topics);
    pthread_mutex_destroy(&room->mutex);
    free(room);
}

/* ---- with the mutex held ---- */

/* The topic's series of that name, made if there is room for it, or NULL. */
static struct series *find_series(struct topic *topic, const char *name)
{
    for (size_t i = 0; i < topic->series_count; i++)
        if (strcmp(topic->series[i]->name, name) == 0)
            return topic->series[i];
    struct series *series = topic->series_count < ROOM_SERIES ? calloc(1, sizeof *series) : NULL;
    if (!series) {
        topic->crowded = true;
        return NULL;
    }
    snprintf(series->name, sizeof series->name, "%s", name);
    series->points.limit = ROOM_POINTS;
    series->news.limit = ROOM_NEWS;
    topic->series[topic->series_count++] = series;
    return series;
}

static void put(struct series *series, struct point point)
{
    points_add(&series->points, point.time, point.value);
    points_add(&series->news, point.time, point.value);
}

static bool is_near(struct point point, int64_t from, int64_t to)
{
    return point.time >= from - day && point.time <= to + day;
}

/* A clock that is wrong once must not stretch the chart over centuries: a point that lies more than a day
 * outside of the others waits for another one that lies near it. */
static void add_point(struct series *series, struct point point)
{
    const struct points *points = &series->points;
    bool near =
        points->count == 0 || is_near(point, points->items[0].time, points->items[points->count - 1].time);
    bool confirmed = !near && series->holds && is_near(point, series->held.time, series->held.time);
    if (!near && !confirmed) {
        series->held = point;
        series->holds = true;
        return;
    }
    if (confirmed) {
        if (points->count == 1) {
            points_clear(&series->points); /* then the first one was wrong */
            points_clear(&series->news);
        }
        put(series, series->held);
    }
    series->holds = false;
    put(series, point);
}

static bool add_reading(struct room *room, struct topic *topic, const struct reading *reading)
{
    bool shown = false;
    if (reading->has_truth && room->people < room->count) {
        struct series *truth = find_series(&room->topics[room->people], "truth");
        if (truth)
            add_point(truth, (struct point){reading->time, reading->truth});
    }
    if (reading->has_value) {
        struct series *series = find_series(topic, reading->estimated ? "estimate" : reading->name);
        if (series)
            add_point(series, (struct point){reading->time, reading->value});
        shown = series != NULL;
    }
    if (*reading->unit)
        memcpy(topic->unit, reading->unit, sizeof topic->unit);
    return shown;
}

/* ---- writing ---- */

static void write_bytes(void *out, const void *data, size_t length)
{
    fwrite(data, 1, length, out);
}

static void write_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, "\"%s\":", name);
    json_write_string(write_bytes, out, text, strlen(text));
}

static void write_series(const struct series *series, bool all, FILE *out)
{
    const struct points *points = all ? &series->points : &series->news;
    fputc('{', out);
    write_member(out, "name", series->name);
    fputs(",\"points\":[", out);
    for (size_t i = 0; i < points->count; i++)
        fprintf(out, "%s%" PRId64 ",%.7g", i ? "," : "", points->items[i].time, points->items[i].value);
    fputs("]}", out);
}

static void write_topic(const struct room *room, const struct topic *topic, bool all, FILE *out)
{
    size_t seconds = room->ticks < ROOM_RATE_SECONDS ? room->ticks : ROOM_RATE_SECONDS;
    uint64_t before = seconds ? topic->earlier[(room->ticks - seconds) % ROOM_RATE_SECONDS] : topic->messages;
    double rate = (double)(topic->messages - before) / (double)(seconds ? seconds : 1);
    fputc('{', out);
    write_member(out, "name", topic->name);
    fputc(',', out);
    write_member(out, "unit", topic->unit);
    fputc(',', out);
    write_member(out, "text", topic->text);
    fprintf(out,
            ",\"messages\":%" PRIu64 ",\"left_out\":%" PRIu64 ",\"rate\":%.1f,\"crowded\":%s,\"series\":[",
            topic->messages, topic->left_out, rate, topic->crowded ? "true" : "false");
    for (size_t i = 0, written = 0; i < topic->series_count; i++)
        if (all || topic->series[i]->news.count > 0) {
            fputs(written++ ? "," : "", out);
            write_series(topic->series[i], all, out);
        }
    fputs("]}", out);
}

void room_write(struct room *room, bool all, FILE *out)
{
    pthread_mutex_lock(&room->mutex);
    fprintf(out, "{\"people\":%zu,\"topics\":[", room->people);
    for (size_t i = 0; i < room->count; i++) {
        struct topic *topic = &room->topics[i];
        fputs(i ? "," : "", out);
        write_topic(room, topic, all, out);
        for (size_t k = 0; !all && k < topic->series_count; k++)
            points_clear(&topic->series[k]->news);
    }
    fputs("]}", out);
    pthread_mutex_unlock(&room->mutex);
}

/* ---- any thread ---- */

void room_add(struct room *room, size_t index, struct reading_bytes key, struct reading_bytes payload,
              int64_t kafka_time)
{
    struct reading reading;
    char text[ROOM_TEXT];
    bool read = reading_parse(key, payload, kafka_time, &reading);
    reading_text(payload, text, sizeof text);
    pthread_mutex_lock(&room->mutex);
    struct topic *topic = &room->topics[index];
    topic->messages++;
    memcpy(topic->text, text, sizeof text);
    if (!read || !add_reading(room, topic, &reading))
        topic->left_out++;
    pthread_mutex_unlock(&room->mutex);
}

void room_tick(struct room *room)
{
    pthread_mutex_lock(&room->mutex);
    for (size_t i = 0; i < room->count; i++)
        room->topics[i].earlier[room->ticks % ROOM_RATE_SECONDS] = room->topics[i].messages;
    room->ticks++;
    pthread_mutex_unlock(&room->mutex);
}

struct room_counts room_counts(struct room *room, size_t index)
{
    pthread_mutex_lock(&room->mutex);
    const struct topic *topic = &room->topics[index];
    struct room_counts counts = {topic->messages, topic->left_out, topic->series_count, 0};
    for (size_t i = 0; i < topic->series_count; i++)
        counts.points += topic->series[i]->points.count;
    pthread_mutex_unlock(&room->mutex);
    return counts;
}
