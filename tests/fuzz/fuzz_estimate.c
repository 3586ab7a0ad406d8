/* Any bytes as what estimate reads: messages of the sensors, one a line and of inputs in turn, a committed
 * position, or a model. The first byte chooses. What comes out must be a record that is JSON. */
#include "core/clock.h"
#include "core/recorded_time.h"

#include "estimate/join.h"
#include "estimate/position.h"
#include "estimate/reading.h"
#include "estimate/record.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_record(const struct model *model, const struct moment *moment, uint64_t seq)
{
    static char text[RECORD_MAX];
    const struct estimate estimate = estimate_of(model, moment);
    size_t length = record_write(model, moment, &estimate, seq, text);
    require(length < RECORD_MAX);
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    require(json_is_object(object));
    json_decref(object);
}

/* Writes records as long as moments are complete, each later than the one before. */
static void write_records(const struct model *model, struct join *join, const bool *at_end, int64_t *last)
{
    struct moment moment;
    int64_t due;
    while (join_next(join, at_end, MINUTE, &moment, &due)) {
        require(moment.time > *last);
        *last = moment.time;
        check_record(model, &moment, 1);
    }
}

static void read_messages(const char *text, size_t size)
{
    static const char two[] =
        "{\"inputs\":[\"a/1\",\"b/2\"],\"classes\":[0,1],\"intercepts\":[0,1],\"coefficients\":[[0,0],[1,-1]]}";
    static const bool at_end[2] = {true, true}, more[2];
    static const struct join_settings settings = {
        .inputs = 2, .age = 5 * MINUTE, .reorder = 2 * MINUTE, .wait = SECOND, .room = 50};
    struct model model;
    struct error error;
    struct join *join = join_new(&settings);
    int64_t last = INT64_MIN;
    require(model_parse(two, strlen(two), &model, &error));
    for (size_t line = 0, at = 0; at < size; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        struct reading reading;
        if (reading_parse(text + at, length, &reading, &error)) {
            require(isfinite(reading.value) && recorded_time_fits(reading.time));
            const struct join_reading joined = {
                .time = reading.time, .utc = reading.utc, .value = reading.value};
            join_take(join, line % 2, &joined, 0);
            write_records(&model, join, more, &last);
        }
        at += length + 1;
    }
    write_records(&model, join, at_end, &last);
    join_free(join);
}

static void read_position(const char *text, size_t size)
{
    struct position position, again;
    char copy[POSITION_TEXT_MAX];
    if (!position_read(text, size, &position))
        return;
    require(recorded_time_fits(position.time) && position.from >= 0);
    position_write(&position, copy);
    require(position_read(copy, strlen(copy), &again));
    require(again.seq == position.seq && again.time == position.time && again.from == position.from);
}

static void read_model(const char *text, size_t size)
{
    static struct model model;
    struct error error;
    struct moment moment = {0};
    if (!model_parse(text, size, &model, &error)) {
        require(*error.text);
        return;
    }
    require(model.input_count > 0 && model.class_count > 1);
    check_record(&model, &moment, INT64_MAX);
    for (size_t i = 0; i < JOIN_INPUTS_MAX; i++)
        moment.values[i] = i % 2 ? 1e308 : -1e308;
    check_record(&model, &moment, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const char *text, size_t size) = {read_messages, read_position,
                                                                     read_model};
    if (size == 0)
        return 0;
    char *text = malloc(size); /* of exactly that size, so that a read behind it is noticed */
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    readers[data[0] % 3](text, size - 1);
    free(text);
    return 0;
}
