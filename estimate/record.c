#include "record.h"

#include "core/recorded_time.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct estimate estimate_of(const struct model *model, const struct moment *moment)
{
    struct estimate estimate = {0};
    for (size_t i = 0; i < model->input_count; i++) {
        estimate.old += moment->inputs[i] == MOMENT_OLD;
        estimate.missing += moment->inputs[i] == MOMENT_MISSING;
    }
    if (estimate.missing == 0) {
        estimate.count = model->classes[model_estimate(model, moment->values, estimate.probabilities)];
        /* Readings beyond all measure overflow. All probabilities are then NaN, which JSON has not. */
        estimate.known = isfinite(estimate.probabilities[0]);
    }
    return estimate;
}

void record_time(int64_t ns, bool utc, char text[static RECORD_TIME_MAX])
{
    struct recorded_time time = {0};
    recorded_time_set(&time, ns, utc);
    time.date[4] = time.date[7] = '-';
    snprintf(text, RECORD_TIME_MAX, "%.*sT%.*s%s", RECORDED_DATE_LENGTH, time.date, (int)time.clock_length,
             time.clock, utc ? "Z" : "");
}

/* What is written so far; RECORD_MAX holds the longest record. */
struct text {
    char *at;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text->length += (size_t)vsnprintf(text->at + text->length, RECORD_MAX - text->length, format, arguments);
    va_end(arguments);
}

static void put_probabilities(struct text *text, const struct model *model, const struct estimate *estimate)
{
    for (size_t i = 0; i < model->class_count; i++)
        put(text, "%c%.12g", i == 0 ? '[' : ',', estimate->probabilities[i]);
    put(text, "]");
}

/* The names are a topic's characters and a number: nothing to escape. */
static void put_inputs(struct text *text, const char *member, const struct model *model,
                       const struct moment *moment, enum moment_input which)
{
    char separator = '[';
    put(text, ",\"%s\":", member);
    for (size_t i = 0; i < model->input_count; i++)
        if (moment->inputs[i] == which) {
            put(text, "%c\"%s\"", separator, model->inputs[i].name);
            separator = ',';
        }
    put(text, "]");
}

size_t record_write(const struct model *model, const struct moment *moment, const struct estimate *estimate,
                    uint64_t seq, char buffer[static RECORD_MAX])
{
    struct text text = {.at = buffer};
    char time[RECORD_TIME_MAX];
    record_time(moment->time, moment->utc, time);
    put(&text, "{\"time\":\"%s\",\"estimate\":", time);
    if (estimate->known) {
        put(&text, "%" PRId64 ",\"probability\":", estimate->count);
        put_probabilities(&text, model, estimate);
    } else
        put(&text, "null,\"probability\":null");
    put(&text, ",\"seq\":%" PRIu64, seq);
    if (estimate->old > 0)
        put_inputs(&text, "old", model, moment, MOMENT_OLD);
    if (estimate->missing > 0)
        put_inputs(&text, "missing", model, moment, MOMENT_MISSING);
    put(&text, "}");
    return text.length;
}
