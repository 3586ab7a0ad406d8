#include "reading.h"

#include "core/recorded_time.h"

#include <jansson.h>
#include <math.h>

/* Ours have 120 bytes. */
enum { PAYLOAD_MAX = 64 * 1024 };

static bool read_members(const json_t *object, struct reading *reading, struct error *error)
{
    const json_t *time = json_object_get(object, "time"), *node = json_object_get(object, "node"),
                 *value = json_object_get(object, "value");
    if (!json_is_string(time) || !recorded_iso(json_string_value(time), &reading->time, &reading->utc))
        return error_set(error, "it has no \"time\" such as \"2017-12-22T10:49:41\"");
    if (!json_is_integer(node))
        return error_set(error, "it has no \"node\" that is a whole number");
    if (!json_is_number(value) || !isfinite(json_number_value(value)))
        return error_set(error, "it has no \"value\" that is a number");
    reading->node = json_integer_value(node);
    reading->value = json_number_value(value);
    return true;
}

bool reading_parse(const void *payload, size_t length, struct reading *reading, struct error *error)
{
    json_error_t reason;
    if (!payload || length > PAYLOAD_MAX)
        return error_set(error, payload ? "it is larger than 64 KiB" : "it is empty");
    json_t *object = json_loadb(payload, length, 0, &reason);
    if (!object)
        return error_set(error, "it is not JSON: %s", reason.text);
    bool ok = read_members(object, reading, error);
    json_decref(object);
    return ok;
}
