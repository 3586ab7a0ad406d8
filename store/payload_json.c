#include "json_values.h"
#include "reader.h"

#include <string.h>

static const char *const names[FIELDS] = {"time", "value", "unit", "occupancy", "seq", "key", "node"};

/* The walk through a document, and what it has found. */
struct document {
    struct pointer_walk walk;
    struct scalar found[FIELDS];
};

static void put_found(struct document *d, const struct scalar *scalar)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (pointer_walk_is_at(&d->walk, i))
            d->found[i] = *scalar;
}

static bool on_scalar(void *context, const struct scalar *scalar, struct error *error)
{
    struct document *d = context;
    (void)error;
    pointer_walk_value(&d->walk);
    put_found(d, scalar);
    return true;
}

static bool on_name(void *context, const char *name, size_t length, struct error *error)
{
    struct document *d = context;
    (void)error;
    pointer_walk_name(&d->walk, name, length);
    return true;
}

static bool on_nesting(void *context, bool array, bool open, struct error *error)
{
    static const struct scalar nested = {.kind = SCALAR_OTHER};
    struct document *d = context;
    (void)error;
    if (!open) {
        pointer_walk_close(&d->walk);
        return true;
    }
    pointer_walk_value(&d->walk);
    put_found(d, &nested);
    pointer_walk_open(&d->walk, array);
    return true;
}

static bool set_value(const struct scalar *found, struct reading *reading, struct error *reason)
{
    switch (found->kind) {
    case SCALAR_TEXT:
        reading->text = found->text;
        return scalar_check_text(found->text, "value", reason);
    case SCALAR_FALSE:
    case SCALAR_TRUE:
        reading->has_value = true;
        reading->value = found->kind == SCALAR_TRUE;
        return true;
    case SCALAR_NUMBER:
    case SCALAR_ABSENT:
    case SCALAR_NULL:
    case SCALAR_OTHER:
        break;
    }
    reading->has_value = true;
    return scalar_to_double(found, "value", &reading->value, reason);
}

static bool is_there(const struct scalar *found)
{
    return found->kind != SCALAR_ABSENT && found->kind != SCALAR_NULL;
}

static bool set_unit(const struct scalar *found, struct reading *reading, struct error *reason)
{
    if (!is_there(found))
        return true;
    reading->unit = found->text;
    return found->kind == SCALAR_TEXT ? scalar_check_text(found->text, "unit", reason)
                                      : error_set(reason, "unit is not a text");
}

/* A field that may be missing. */
static bool set_integer(const struct document *d, enum field field, int64_t *value, bool *has,
                        struct error *reason)
{
    *has = is_there(&d->found[field]);
    return !*has || scalar_to_integer(&d->found[field], names[field], value, reason);
}

/* What --key points to; else Kafka's key; else the node; else "". */
static bool set_key(const struct reader_settings *settings, const struct document *d,
                    const struct incoming *incoming, struct reading *reading, struct error *reason)
{
    bool own = settings->fields[FIELD_KEY].count > 0;
    const struct scalar *found = &d->found[own ? FIELD_KEY : FIELD_NODE];
    if (own && !is_there(found))
        return error_set(reason, "key is missing");
    if (!own && incoming->key.at)
        reading->key = incoming->key;
    else if (found->kind == SCALAR_TEXT || found->kind == SCALAR_NUMBER)
        reading->key = found->text;
    else if (own)
        return error_set(reason, "key is neither a text nor a number");
    else
        reading->key = (struct bytes){"", 0};
    return scalar_check_text(reading->key, "key", reason);
}

bool payload_json(const struct reader_settings *settings, const struct incoming *incoming,
                  struct batch *batch, struct error *reason)
{
    static const struct json_listener listener = {on_scalar, on_name, on_nesting};
    struct document d = {.walk = {.pointers = settings->fields, .count = FIELDS}};
    if (!json_values_read(incoming->payload, &listener, &d, batch, reason))
        return false;
    struct reading *reading = batch_reading(batch);
    return (settings->kafka_time
                ? reader_kafka_time(incoming, &reading->time, reason)
                : scalar_to_time(&d.found[FIELD_TIME], settings->time_unit, &reading->time, reason)) &&
           set_value(&d.found[FIELD_VALUE], reading, reason) &&
           set_unit(&d.found[FIELD_UNIT], reading, reason) &&
           set_integer(&d, FIELD_OCCUPANCY, &reading->occupancy, &reading->has_occupancy, reason) &&
           set_integer(&d, FIELD_SEQ, &reading->seq, &reading->has_seq, reason) &&
           set_key(settings, &d, incoming, reading, reason);
}
