#include "core_fixture.h"

#include "dashboard/room.h"

#include <jansson.h>

enum { TEMP, OCCUPANCY };

static struct text_list topics;

static int open_room(void **state)
{
    text_list_append(&topics, "temp");
    text_list_append(&topics, "occupancy");
    *state = room_new(&topics, OCCUPANCY, NULL);
    return *state ? 0 : -1;
}

static int close_room(void **state)
{
    room_free(*state);
    text_list_free(&topics);
    return 0;
}

static void add(struct room *room, size_t topic, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void add(struct room *room, size_t topic, const char *key, const char *format, ...)
{
    char payload[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(payload, sizeof payload, format, arguments);
    va_end(arguments);
    room_add(room, topic, (struct reading_bytes){key, strlen(key)},
             (struct reading_bytes){payload, (size_t)length}, 0);
}

/* The topic as room_write tells it; the caller frees. */
static json_t *written(struct room *room, bool all, size_t topic)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    room_write(room, all, out);
    fclose(out);
    assert_null(memchr(text, '\n', length));
    json_t *whole = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(whole);
    json_t *found = json_incref(json_array_get(json_object_get(whole, "topics"), topic));
    json_decref(whole);
    return found;
}

static const json_t *points(const json_t *topic, const char *name)
{
    size_t index;
    json_t *series;
    json_array_foreach(json_object_get(topic, "series"), index,
                       series) if (strcmp(json_string_value(json_object_get(series, "name")), name) ==
                                   0) return json_object_get(series, "points");
    return NULL;
}

static void truth_and_estimate_stand_side_by_side(void **state)
{
    struct room *room = *state;
    add(room, TEMP, "1", "{\"time\":100,\"value\":20,\"unit\":\"Cel\",\"occupancy\":3}");
    add(room, OCCUPANCY, "", "{\"time\":100,\"estimate\":2}");
    json_t *people = written(room, true, OCCUPANCY), *temp = written(room, true, TEMP);
    assert_int_equal(json_integer_value(json_array_get(points(people, "truth"), 1)), 3);
    assert_int_equal(json_integer_value(json_array_get(points(people, "estimate"), 1)), 2);
    assert_int_equal(json_integer_value(json_array_get(points(temp, "1"), 0)), 100000);
    assert_string_equal(json_string_value(json_object_get(temp, "unit")), "Cel");
    json_decref(people);
    json_decref(temp);
}

static void news_come_once_and_the_state_stays(void **state)
{
    struct room *room = *state;
    add(room, TEMP, "1", "{\"time\":100,\"value\":20}");
    json_t *first = written(room, false, TEMP), *second = written(room, false, TEMP),
           *all = written(room, true, TEMP);
    assert_int_equal(json_array_size(points(first, "1")), 2);
    assert_null(points(second, "1"));
    assert_int_equal(json_array_size(points(all, "1")), 2);
    json_decref(first);
    json_decref(second);
    json_decref(all);
}

static void any_number_of_keys_and_messages_take_bounded_room(void **state)
{
    struct room *room = *state;
    for (int i = 0; i < 200000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i % 1000);
        add(room, TEMP, key, "{\"time\":%d,\"value\":1}", i);
    }
    const struct room_counts counts = room_counts(room, TEMP);
    assert_int_equal(counts.messages, 200000);
    assert_int_equal(counts.series, ROOM_SERIES);
    assert_true(counts.points <= ROOM_SERIES * ROOM_POINTS);
    assert_int_equal(counts.left_out, 200000 - 200 * ROOM_SERIES);
    json_t *news = written(room, false, TEMP);
    assert_true(json_is_true(json_object_get(news, "crowded")));
    assert_true(json_array_size(points(news, "0")) <= 2 * ROOM_NEWS);
    json_decref(news);
}

static void one_wrong_clock_does_not_stretch_the_chart(void **state)
{
    struct room *room = *state;
    for (int i = 0; i < 10; i++)
        add(room, TEMP, "1", "{\"time\":%d,\"value\":1}", 1000000 + i);
    add(room, TEMP, "1", "{\"time\":\"2261-01-01T00:00:00\",\"value\":1}");
    add(room, TEMP, "1", "{\"time\":1000011,\"value\":1}");
    assert_int_equal(room_counts(room, TEMP).points, 11);
    /* A later day is one, once two say so. */
    add(room, TEMP, "1", "{\"time\":2000000,\"value\":1}");
    assert_int_equal(room_counts(room, TEMP).points, 11);
    add(room, TEMP, "1", "{\"time\":2000030,\"value\":1}");
    assert_int_equal(room_counts(room, TEMP).points, 13);
}

static void a_first_clock_that_is_wrong_goes(void **state)
{
    struct room *room = *state;
    add(room, TEMP, "1", "{\"time\":\"2261-01-01T00:00:00\",\"value\":1}");
    add(room, TEMP, "1", "{\"time\":1000000,\"value\":1}");
    add(room, TEMP, "1", "{\"time\":1000030,\"value\":1}");
    assert_int_equal(room_counts(room, TEMP).points, 2);
}

static void what_is_no_reading_is_counted_and_shown_as_text(void **state)
{
    struct room *room = *state;
    add(room, TEMP, "<b>", "<script>\"\xff\"</script>");
    assert_int_equal(room_counts(room, TEMP).left_out, 1);
    json_t *temp = written(room, true, TEMP);
    assert_string_equal(json_string_value(json_object_get(temp, "text")),
                        "<script>\"\xef\xbf\xbd\"</script>");
    json_decref(temp);
}

/* --people '' asks for none. */
static void without_a_topic_of_estimates_there_is_no_truth(void **state)
{
    (void)state;
    struct room *room = room_new(&topics, topics.count, NULL);
    add(room, TEMP, "1", "{\"time\":1700000000,\"value\":1,\"occupancy\":2}");
    json_t *temp = written(room, true, TEMP), *occupancy = written(room, true, OCCUPANCY);
    assert_int_equal(json_array_size(json_object_get(temp, "series")), 1);
    assert_int_equal(json_array_size(json_object_get(occupancy, "series")), 0);
    json_decref(temp);
    json_decref(occupancy);
    room_free(room);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        TEST(truth_and_estimate_stand_side_by_side),
        TEST(news_come_once_and_the_state_stays),
        TEST(any_number_of_keys_and_messages_take_bounded_room),
        TEST(one_wrong_clock_does_not_stretch_the_chart),
        TEST(a_first_clock_that_is_wrong_goes),
        TEST(what_is_no_reading_is_counted_and_shown_as_text),
        TEST(without_a_topic_of_estimates_there_is_no_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
