/* Any bytes as Kafka messages that the dashboard shows: a key, a blank and a payload on each line. What is
 * sent to the page must be JSON, with points in order of time. The first byte chooses the topic of the first
 * one, and whether there is one with estimates.
 */
#include "dashboard/room.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_points(const json_t *points)
{
    require(json_array_size(points) <= 2 * ROOM_POINTS && json_array_size(points) % 2 == 0);
    for (size_t i = 2; i < json_array_size(points); i += 2)
        require(json_integer_value(json_array_get(points, i)) >
                json_integer_value(json_array_get(points, i - 2)));
}

static void check_room(struct room *room, bool all)
{
    char *text = NULL;
    size_t length, i, k;
    json_t *topic, *series;
    FILE *out = open_memstream(&text, &length);
    require(out != NULL);
    room_write(room, all, out);
    require(fclose(out) == 0 && !memchr(text, '\n', length) && !memchr(text, '\r', length));
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    require(json_is_object(object));
    json_array_foreach(json_object_get(object, "topics"), i, topic)
        json_array_foreach(json_object_get(topic, "series"), k, series)
            check_points(json_object_get(series, "points"));
    json_decref(object);
    free(text);
}

/* A copy of exactly that size, so that a read behind it is noticed. NULL: absent. */
static struct reading_bytes copy(const uint8_t *at, size_t length, bool present)
{
    char *bytes = present ? malloc(length ? length : 1) : NULL;
    if (bytes)
        memcpy(bytes, at, length);
    return (struct reading_bytes){bytes, length};
}

static void add_line(struct room *room, size_t topic, const uint8_t *line, size_t length)
{
    const uint8_t *blank = memchr(line, ' ', length);
    size_t before = blank ? (size_t)(blank - line) : 0, skipped = blank ? before + 1 : 0;
    struct reading_bytes key = copy(line, before, blank != NULL);
    struct reading_bytes payload = copy(line + skipped, length - skipped, length > 0);
    room_add(room, topic, key, payload, 1700000000000);
    free((void *)(uintptr_t)key.at);
    free((void *)(uintptr_t)payload.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char a[] = "a", people[] = "people";
    static char *names[] = {a, people};
    static const struct text_list topics = {.items = names, .count = 2};
    struct error error;
    if (size == 0)
        return 0;
    struct room *room = room_new(&topics, data[0] & 2 ? 1 : 2, &error);
    require(room != NULL);
    size_t topic = data[0] % 2;
    for (size_t at = 1; at < size; topic = 1 - topic) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data) - at : size - at;
        add_line(room, topic, data + at, length);
        at += length + 1;
    }
    room_tick(room);
    check_room(room, true);
    check_room(room, false);
    room_free(room);
    return 0;
}
