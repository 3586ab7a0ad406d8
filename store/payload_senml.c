/* SenML packs (RFC 8428) in JSON: an array of records. */
#include "core/clock.h"
#include "core/recorded_time.h"
#include "json_values.h"
#include "reader.h"

#include <math.h>
#include <string.h>

enum label { BN, BT, BU, BV, BS, BVER, N, U, V, VS, VB, VD, S, T, UT, LABELS, OTHER_LABEL };

static const char *const labels[LABELS] = {"bn", "bt", "bu", "bv", "bs", "bver", "n", "u",
                                           "v",  "vs", "vb", "vd", "s",  "t",    "ut"};

enum { VERSION = 10 }; /* section 4.4 */
static const int64_t relative =
    (INT64_C(1) << 28) * SECOND; /* section 4.5.3: smaller times are relative to now */

struct pack {
    const struct incoming *incoming;
    struct batch *batch;
    int depth;                    /* 1: in the pack, 2: in a record */
    enum label label;             /* of the value that follows */
    struct scalar record[LABELS]; /* base fields stay for the records that follow */
    size_t readings;
};

static bool on_name(void *context, const char *name, size_t length, struct error *error)
{
    struct pack *pack = context;
    pack->label = OTHER_LABEL;
    if (pack->depth != 2)
        return true;
    for (enum label i = 0; i < LABELS; i++)
        if (strlen(labels[i]) == length && memcmp(labels[i], name, length) == 0)
            pack->label = i;
    /* Section 4.4: a label that ends so must be understood. */
    if (pack->label == OTHER_LABEL && length > 0 && name[length - 1] == '_')
        return error_set(error, "SenML: the label %.*s must be understood and is not known",
                         (int)(length > 60 ? 60 : length), name);
    return true;
}

static bool on_scalar(void *context, const struct scalar *scalar, struct error *error)
{
    struct pack *pack = context;
    if (pack->depth < 2)
        return error_set(error, "SenML: a pack is an array of records");
    if (pack->depth == 2 && pack->label < LABELS)
        pack->record[pack->label] = *scalar;
    return true;
}

/* ---- a record that is complete ---- */

static bool is_there(const struct pack *pack, enum label label)
{
    return pack->record[label].kind != SCALAR_ABSENT;
}

/* Base and own value of a number; what is missing is 0. */
static bool add(const struct pack *pack, enum label base, enum label own, double *sum, struct error *error)
{
    double more = 0;
    *sum = 0;
    if (is_there(pack, own) && !scalar_to_double(&pack->record[own], labels[own], sum, error))
        return false;
    if (is_there(pack, base) && !scalar_to_double(&pack->record[base], labels[base], &more, error))
        return false;
    *sum += more;
    return isfinite(*sum) || error_set(error, "SenML: %s + %s is beyond what double precision can hold",
                                       labels[base], labels[own]);
}

static bool set_time(const struct pack *pack, struct reading *reading, struct error *error)
{
    int64_t base = 0, own = 0, now;
    if ((is_there(pack, BT) &&
         (pack->record[BT].kind != SCALAR_NUMBER || !scalar_to_ns(&pack->record[BT], SECOND, &base))) ||
        (is_there(pack, T) &&
         (pack->record[T].kind != SCALAR_NUMBER || !scalar_to_ns(&pack->record[T], SECOND, &own))) ||
        __builtin_add_overflow(base, own, &reading->time))
        return error_set(error, "SenML: bt + t is not a time from 1678 to 2261");
    if (reading->time >= relative)
        return recorded_time_fits(reading->time) ||
               error_set(error, "SenML: bt + t is not a time from 1678 to 2261");
    return reader_kafka_time(pack->incoming, &now, error) &&
           ((!__builtin_add_overflow(reading->time, now, &reading->time) &&
             recorded_time_fits(reading->time)) ||
            error_set(error, "SenML: bt + t is not a time from 1678 to 2261"));
}

static bool check_name(struct bytes name, struct error *error)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:./_";
    if (name.length == 0)
        return error_set(error, "SenML: a record has no name");
    if (strchr("-:./_", *name.at) || strspn(name.at, allowed) != name.length)
        return error_set(error, "SenML: '%.*s' is not a name (RFC 8428 section 4.5.1)",
                         (int)(name.length > 60 ? 60 : name.length), name.at);
    return true;
}

/* The name is the key; without the topic's own name and a slash before it, as our publishers write it. */
static bool set_name(struct pack *pack, struct reading *reading, struct error *error)
{
    char name[1024];
    const struct scalar *base = &pack->record[BN], *own = &pack->record[N];
    size_t topic = strlen(pack->incoming->topic);
    if ((is_there(pack, BN) && base->kind != SCALAR_TEXT) || (is_there(pack, N) && own->kind != SCALAR_TEXT))
        return error_set(error, "SenML: a name is not a text");
    if (base->text.length + own->text.length >= sizeof name)
        return error_set(error, "SenML: a name has more than %zu bytes", sizeof name - 1);
    if (base->text.length)
        memcpy(name, base->text.at, base->text.length);
    if (own->text.length)
        memcpy(name + base->text.length, own->text.at, own->text.length);
    struct bytes all = {name, base->text.length + own->text.length};
    name[all.length] = '\0';
    if (!check_name(all, error))
        return false;
    if (all.length > topic + 1 && memcmp(name, pack->incoming->topic, topic) == 0 && name[topic] == '/')
        all = (struct bytes){all.at + topic + 1, all.length - topic - 1};
    reading->key = batch_copy(pack->batch, all.at, all.length);
    return true;
}

static bool set_unit(const struct pack *pack, struct reading *reading, struct error *error)
{
    const struct scalar *unit = &pack->record[is_there(pack, U) ? U : BU];
    if (unit->kind == SCALAR_ABSENT)
        return true;
    reading->unit = unit->text;
    return unit->kind == SCALAR_TEXT ? scalar_check_text(unit->text, "unit", error)
                                     : error_set(error, "SenML: a unit is not a text");
}

static bool set_value(const struct pack *pack, struct reading *reading, struct error *error)
{
    int values = is_there(pack, V) + is_there(pack, VS) + is_there(pack, VB) + is_there(pack, VD);
    if (values > 1)
        return error_set(error, "SenML: a record has more than one value");
    for (enum label i = VS; i <= VD; i += 2) { /* vs and vd */
        if (!is_there(pack, i))
            continue;
        reading->text = pack->record[i].text;
        return pack->record[i].kind == SCALAR_TEXT ? scalar_check_text(reading->text, labels[i], error)
                                                   : error_set(error, "SenML: %s is not a text", labels[i]);
    }
    reading->has_value = true;
    if (is_there(pack, VB)) {
        reading->value = pack->record[VB].kind == SCALAR_TRUE;
        return pack->record[VB].kind == SCALAR_TRUE || pack->record[VB].kind == SCALAR_FALSE ||
               error_set(error, "SenML: vb is neither true nor false");
    }
    if (values == 0 && !is_there(pack, BV))
        return error_set(error, "SenML: a record has no value%s",
                         is_there(pack, S) || is_there(pack, BS) ? " but a sum, for which there is no column"
                                                                 : "");
    return add(pack, BV, V, &reading->value, error);
}

static bool check_version(const struct pack *pack, struct error *error)
{
    int64_t version = VERSION;
    if (is_there(pack, BVER) && !scalar_to_integer(&pack->record[BVER], "SenML: bver", &version, error))
        return false;
    return version <= VERSION || error_set(error, "SenML: version %lld is not known", (long long)version);
}

/* A record with nothing but base fields has no reading of its own. */
static bool is_base_alone(const struct pack *pack)
{
    for (enum label i = N; i < LABELS; i++)
        if (is_there(pack, i))
            return false;
    return true;
}

static bool take_record(struct pack *pack, struct error *error)
{
    if (!check_version(pack, error))
        return false;
    if (is_base_alone(pack) && !is_there(pack, BV))
        return true;
    struct reading *reading = batch_reading(pack->batch);
    pack->readings++;
    return set_name(pack, reading, error) && set_time(pack, reading, error) &&
           set_unit(pack, reading, error) && set_value(pack, reading, error);
}

static bool on_nesting(void *context, bool array, bool open, struct error *error)
{
    struct pack *pack = context;
    int depth = open ? ++pack->depth : pack->depth--;
    if ((depth == 1 && !array) || (depth == 2 && array))
        return error_set(error, "SenML: a pack is an array of records");
    if (depth == 3 && open && pack->label < LABELS)
        return error_set(error, "SenML: %s is an object or an array", labels[pack->label]);
    if (depth == 2 && !open)
        return take_record(pack, error);
    for (enum label i = N; depth == 2 && i < LABELS; i++)
        pack->record[i] = (struct scalar){0};
    return true;
}

bool payload_senml(const struct reader_settings *settings, const struct incoming *incoming,
                   struct batch *batch, struct error *reason)
{
    static const struct json_listener listener = {on_scalar, on_name, on_nesting};
    struct pack pack = {.incoming = incoming, .batch = batch};
    (void)settings;
    if (!json_values_read(incoming->payload, &listener, &pack, batch, reason))
        return false;
    return pack.readings > 0 || error_set(reason, "SenML: the pack has no readings");
}
