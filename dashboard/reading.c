#include "reading.h"

#include "core/recorded_time.h"
#include "core/utf8.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A larger number of seconds since 1970 (beyond the year 5138) must be milliseconds. */
static const double largest_seconds = 1e11;

/* Of the years 1 to 9999, which browsers can show. */
static const double earliest = -62135596800e3, latest = 253402300799e3;

static bool set_time(struct reading *reading, double ms)
{
    if (!(ms >= earliest && ms <= latest))
        return false;
    reading->time = (int64_t)ms;
    return true;
}

static bool read_time(const json_t *value, int64_t kafka_time, struct reading *reading)
{
    int64_t ns;
    bool utc;
    if (!value || json_is_null(value))
        return set_time(reading, (double)kafka_time);
    if (json_is_string(value))
        return recorded_iso(json_string_value(value), &ns, &utc) && set_time(reading, (double)(ns / 1000000));
    double number = json_number_value(value);
    return json_is_number(value) && set_time(reading, fabs(number) > largest_seconds ? number : number * 1e3);
}

static bool read_number(const json_t *value, double *number)
{
    *number = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
    return (json_is_number(value) || json_is_boolean(value)) && isfinite(*number);
}

/* The name of the series where the message has no key. */
static void read_node(const json_t *node, struct reading *reading)
{
    const char *text = json_string_value(node);
    if (text)
        reading_text((struct reading_bytes){text, json_string_length(node)}, reading->name, READING_NAME);
    else if (json_is_integer(node))
        snprintf(reading->name, READING_NAME, "%" JSON_INTEGER_FORMAT, json_integer_value(node));
}

bool reading_parse(struct reading_bytes key, struct reading_bytes payload, int64_t kafka_time,
                   struct reading *reading)
{
    *reading = (struct reading){0};
    if (!payload.at || payload.length > READING_LONGEST)
        return false;
    json_t *object = json_loadb(payload.at, payload.length, JSON_ALLOW_NUL, NULL);
    const json_t *estimate = json_object_get(object, "estimate"), *unit = json_object_get(object, "unit");
    reading->estimated = estimate && !json_object_get(object, "value");
    reading->has_value =
        read_number(reading->estimated ? estimate : json_object_get(object, "value"), &reading->value);
    reading->has_truth = read_number(json_object_get(object, "occupancy"), &reading->truth);
    bool ok = (reading->has_value || reading->has_truth) &&
              read_time(json_object_get(object, "time"), kafka_time, reading);
    if (ok && json_is_string(unit))
        reading_text((struct reading_bytes){json_string_value(unit), json_string_length(unit)}, reading->unit,
                     sizeof reading->unit);
    if (ok && key.at)
        reading_text(key, reading->name, READING_NAME);
    else if (ok)
        read_node(json_object_get(object, "node"), reading);
    json_decref(object);
    return ok;
}

static const char unknown[] = "\xef\xbf\xbd", ellipsis[] = "\xe2\x80\xa6";
enum { SPECIAL = sizeof unknown - 1 };

/* The length of the character at `at`, or 0 where none is that may be shown. */
static size_t shown_character(const unsigned char *at, size_t left)
{
    char character[5] = {0};
    memcpy(character, at, left < 4 ? left : 4);
    size_t length = utf8_length(character);
    bool control = *at < 0x20 || *at == 0x7f || (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
    return control ? 0 : length;
}

void reading_text(struct reading_bytes bytes, char *text, size_t size)
{
    const unsigned char *at = bytes.at;
    size_t length = 0, place = 0; /* of the last character behind which an ellipsis fits */
    for (size_t i = 0; i < bytes.length;) {
        size_t found = shown_character(at + i, bytes.length - i);
        size_t put = found ? found : SPECIAL;
        if (length + SPECIAL < size)
            place = length;
        if (length + put >= size) {
            memcpy(text + place, ellipsis, SPECIAL);
            length = place + SPECIAL;
            break;
        }
        memcpy(text + length, found ? (const char *)at + i : unknown, put);
        length += put;
        i += found ? found : 1;
    }
    text[length] = '\0';
}
