#include "destinations.h"

#include "core/out_of_memory.h"
#include "kafka/topic.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first one is the home of the position. Without routes it may also be the one topic; else that is the
 * second. */
struct destinations {
    const struct bridge_settings *settings;
    struct destination **items;
    size_t count, room, listed;
    void *tree; /* of those that are listed, by name; see tsearch(3) */
    struct destination *fixed, *last;
    FILE *file; /* NULL: none, or it cannot be written */
};

/* A destination begins with its name. */
static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static struct destination *add(struct destinations *d, const char *name)
{
    struct destination *destination = calloc(1, sizeof *destination);
    if (d->count == d->room) {
        d->room = 2 * d->room + 16;
        d->items = realloc(d->items, d->room * sizeof *d->items);
    }
    if (!destination || !d->items)
        out_of_memory(d->room * sizeof *d->items);
    snprintf(destination->name, sizeof destination->name, "%.*s", KAFKA_NAME_LONGEST, name);
    d->items[d->count++] = destination;
    return destination;
}

static struct destination *list(struct destinations *d, const char *name)
{
    struct destination *destination = add(d, name);
    if (!tsearch(destination, &d->tree, compare))
        out_of_memory(sizeof *destination);
    d->listed++;
    return destination;
}

static struct destination *look_for(const struct destinations *d, const char *name)
{
    struct destination *const *node = tfind(name, &d->tree, compare);
    return node ? *node : NULL;
}

static bool read_list(struct destinations *d, struct error *error)
{
    char path[PATH_MAX], *line = NULL;
    size_t size = 0;
    off_t end = 0; /* of the last whole line: a kill may have left the beginning of one more */
    snprintf(path, sizeof path, "%s/topics", d->settings->spool_directory);
    d->file = fopen(path, "a+e");
    if (!d->file)
        return error_set(error, "cannot open %s: %s", path, strerror(errno));
    for (ssize_t length; (length = getline(&line, &size, d->file)) > 0 && line[length - 1] == '\n';) {
        end += length;
        line[length - 1] = '\0';
        if (kafka_topic_name_valid(line) && !look_for(d, line))
            list(d, line);
    }
    free(line);
    return (!ferror(d->file) && ftruncate(fileno(d->file), end) == 0) ||
           error_set(error, "cannot read %s: %s", path, strerror(errno));
}

struct destinations *destinations_open(const struct bridge_settings *settings, struct error *error)
{
    struct destinations *d = calloc(1, sizeof *d);
    if (!d)
        out_of_memory(sizeof *d);
    d->settings = settings;
    add(d, settings->position_topic);
    if (!settings->routes)
        d->fixed = strcmp(settings->position_topic, settings->kafka_topic) == 0
                       ? d->items[0]
                       : add(d, settings->kafka_topic);
    if (!settings->routes || read_list(d, error))
        return d;
    destinations_close(d);
    return NULL;
}

static void keep(void *item)
{
    (void)item;
}

void destinations_close(struct destinations *d)
{
    tdestroy(d->tree, keep);
    for (size_t i = 0; i < d->count; i++)
        free(d->items[i]);
    free(d->items);
    if (d->file)
        fclose(d->file);
    free(d);
}

struct destination *destinations_fixed(const struct destinations *d)
{
    return d->fixed;
}

struct destination *destinations_home(const struct destinations *d)
{
    return d->items[0];
}

struct destination *destinations_find(struct destinations *d, const char *name, struct error *error)
{
    if (d->last && strcmp(d->last->name, name) == 0)
        return d->last;
    struct destination *known = look_for(d, name);
    if (known)
        return d->last = known;
    if (d->listed >= (size_t)d->settings->topic_max) {
        error_set(
            error,
            "the Kafka topic '%s' would be one more than --topic-max allows, %zu (the file topics in the spool's "
            "folder lists them)",
            name, (size_t)d->settings->topic_max);
        return NULL;
    }
    if (d->file && (fprintf(d->file, "%s\n", name) < 0 || fflush(d->file) != 0)) {
        log_warning(topics_not_written, "cannot write the list of topics in %s: %s",
                    d->settings->spool_directory, strerror(errno));
        clearerr(d->file);
    }
    return d->last = list(d, name);
}

struct destination *destinations_at(const struct destinations *d, size_t number)
{
    return number < d->count ? d->items[number] : NULL;
}

size_t destinations_count(const struct destinations *d)
{
    return d->listed;
}

void destinations_forget(struct destinations *d)
{
    for (size_t i = 0; i < d->count; i++)
        d->items[i]->ready = false;
}

void destinations_leave_producer(struct destinations *d)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->items[i]->topic)
            rd_kafka_topic_destroy(d->items[i]->topic);
        d->items[i]->topic = NULL;
        d->items[i]->in_flight = 0;
    }
}
