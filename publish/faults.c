#include "faults.h"

#include "chance.h"
#include "core/out_of_memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const fault_names[FAULT_KINDS] = {"none", "missing", "stuck", "spike", "double", "late"};

enum { EXTENT_MAX = 1000 };

/* ---- settings ---- */

static enum fault kind_of(const char *name, size_t length)
{
    for (int kind = FAULT_MISSING; kind < FAULT_KINDS; kind++)
        if (strlen(fault_names[kind]) == length && memcmp(fault_names[kind], name, length) == 0)
            return (enum fault)kind;
    return FAULT_NONE;
}

static bool set_count(const char *text, int64_t *count)
{
    return text_to_integer(text, count) && *count >= 1 && *count <= EXTENT_MAX;
}

static bool set_extent(const char *text, enum fault kind, struct fault_settings *settings)
{
    if (kind == FAULT_STUCK)
        return set_count(text, &settings->stuck_for);
    if (kind == FAULT_LATE)
        return set_count(text, &settings->late_by);
    return kind == FAULT_SPIKE && text_to_real(text, &settings->spike_by) && settings->spike_by > 0;
}

static const char *extent_of(enum fault kind)
{
    if (kind == FAULT_SPIKE)
        return "how many times its value is added or taken away, above 0";
    return kind == FAULT_STUCK || kind == FAULT_LATE ? "a count of 1 to 1000 readings"
                                                     : "nothing for this kind";
}

static bool parse_item(const char *item, struct fault_settings *settings, struct error *error)
{
    char rate[32];
    size_t name = strcspn(item, "=");
    enum fault kind = kind_of(item, name);
    if (kind == FAULT_NONE || item[name] == '\0')
        return error_set(
            error,
            "--fault: '%s' is not missing=RATE, stuck=RATE:READINGS, spike=RATE:FACTOR, double=RATE or late=RATE:READINGS",
            item);
    const char *from = item + name + 1;
    size_t length = strcspn(from, ":");
    if (length < sizeof rate) {
        memcpy(rate, from, length);
        rate[length] = '\0';
    }
    double *value = &settings->rates[kind];
    if (length >= sizeof rate || !text_to_real(rate, value) || *value < 0 || *value > 1)
        return error_set(
            error, "--fault: '%s': the rate is a number from 0 to 1, as 0.01 for one reading of 100", item);
    if (from[length] == ':' && !set_extent(from + length + 1, kind, settings))
        return error_set(error, "--fault: '%s': after the colon stands %s", item, extent_of(kind));
    return true;
}

static bool parse_text(const char *text, struct fault_settings *settings, struct error *error)
{
    char *copy = strdup(text), *rest = copy, *item;
    bool ok = true;
    if (!copy)
        out_of_memory(strlen(text) + 1);
    while (ok && (item = strsep(&rest, ",")))
        ok = parse_item(item, settings, error);
    free(copy);
    return ok;
}

bool fault_settings_parse(const struct text_list *texts, struct fault_settings *settings, struct error *error)
{
    double sum = 0;
    settings->stuck_for = 10;
    settings->spike_by = 10;
    settings->late_by = 3;
    for (size_t i = 0; i < texts->count; i++)
        if (!parse_text(texts->items[i], settings, error))
            return false;
    for (int kind = 0; kind < FAULT_KINDS; kind++)
        sum += settings->rates[kind];
    return sum <= 1 ||
           error_set(error, "--fault: the rates add up to %.15g: a reading has one fault at most", sum);
}

bool fault_settings_any(const struct fault_settings *settings)
{
    for (int kind = 0; kind < FAULT_KINDS; kind++)
        if (settings->rates[kind] > 0)
            return true;
    return false;
}

/* ---- faults ---- */

struct node {
    struct number last; /* the node's last value that was not stuck; length 0: none yet */
    int64_t stuck;      /* readings that are still stuck */
};

struct faults {
    const struct fault_settings *settings;
    const struct columns *columns;
    uint64_t loop;
    struct node nodes[]; /* one a column */
};

struct faults *faults_new(const struct fault_settings *settings, const struct columns *columns)
{
    struct faults *faults = calloc(1, sizeof *faults + columns->count * sizeof *faults->nodes);
    if (faults) {
        faults->settings = settings;
        faults->columns = columns;
    }
    return faults;
}

void faults_free(struct faults *faults)
{
    free(faults);
}

void faults_begin_loop(struct faults *faults, uint64_t loop)
{
    faults->loop = loop;
    memset(faults->nodes, 0, faults->columns->count * sizeof *faults->nodes);
}

static double draw(const struct faults *faults, enum chance_use use, uint64_t row, size_t column)
{
    return chance((uint64_t)faults->settings->seed, use, faults->loop, row,
                  (uint64_t)faults->columns->items[column].node);
}

static enum fault pick(const struct fault_settings *settings, double number)
{
    for (int kind = FAULT_MISSING; kind < FAULT_KINDS; kind++) {
        if (number < settings->rates[kind])
            return (enum fault)kind;
        number -= settings->rates[kind];
    }
    return FAULT_NONE;
}

/* `by` times the value is added to it or taken away; where the value is 0, `by` itself. */
static void make_spike(struct number *value, double by, bool up)
{
    char text[NUMBER_MAX + 1];
    memcpy(text, value->text, value->length);
    text[value->length] = '\0';
    double recorded = strtod(text, NULL), size = by * (recorded != 0 ? fabs(recorded) : 1);
    if (isinf(recorded))
        return; /* it cannot be further off */
    number_set(value, recorded + (up ? size : -size));
}

enum fault faults_next(struct faults *faults, uint64_t row, size_t column, struct number *value)
{
    const struct fault_settings *settings = faults->settings;
    struct node *node = &faults->nodes[column];
    enum fault fault =
        node->stuck > 0 ? FAULT_STUCK : pick(settings, draw(faults, CHANCE_FAULT, row, column));
    if (fault == FAULT_STUCK) {
        if (node->last.length > 0) {
            node->stuck = (node->stuck > 0 ? node->stuck : settings->stuck_for) - 1;
            *value = node->last;
            return FAULT_STUCK;
        }
        fault = FAULT_NONE; /* there is no reading before to be stuck at */
    }
    node->last = *value;
    if (fault == FAULT_SPIKE)
        make_spike(value, settings->spike_by, draw(faults, CHANCE_SPIKE_UP, row, column) < 0.5);
    return fault;
}
