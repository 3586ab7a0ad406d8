#include "bridges.h"

#include "core/clock.h"
#include "core/json_text.h"
#include "core/stop.h"
#include "fetch.h"
#include "quantity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_problem(struct bridge_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_problem(struct bridge_state *state, const char *format, ...)
{
    va_list arguments;
    state->well = false;
    if (state->problem_count == BRIDGE_PROBLEMS)
        return;
    char *text = state->problems[state->problem_count++];
    va_start(arguments, format);
    vsnprintf(text, sizeof state->problems[0], format, arguments);
    va_end(arguments);
}

/* -1 for what is missing or null. */
static double number(const json_t *status, const char *part, const char *name)
{
    const json_t *value = json_object_get(json_object_get(status, part), name);
    return json_is_number(value) ? json_number_value(value) : -1;
}

static void copy_text(const json_t *value, char *text, size_t size)
{
    const char *found = json_string_value(value);
    if (found)
        snprintf(text, size, "%s", found);
}

/* Of a program that reads Kafka: what is not settled yet stands there. `done` names the rate of what is,
 * `part` is where it counts what it has read. */
static void read_consumer(struct bridge_state *state, const char *done, const char *part)
{
    const json_t *status = state->status, *lag = json_object_get(status, "lag_seconds");
    snprintf(state->mqtt, sizeof state->mqtt, "-"); /* a store has none */
    copy_text(json_object_get(json_object_get(status, "mqtt"), "state"), state->mqtt, sizeof state->mqtt);
    copy_text(json_object_get(json_object_get(status, "kafka"), "state"), state->kafka, sizeof state->kafka);
    state->received_rate = number(status, "recent", "consumed_per_second");
    state->delivered_rate = number(status, "recent", done);
    state->p50 = number(status, "recent", "latency_p50_seconds");
    state->p99 = number(status, "recent", "latency_p99_seconds");
    state->spooled = number(status, part, "lag");
    state->oldest = json_is_number(lag) ? json_number_value(lag) : -1;
    state->dead_letters = number(status, "dead_letters", "count");
    state->from_kafka = true;
}

static void read_status(struct bridge_state *state)
{
    const json_t *status = state->status;
    snprintf(state->mqtt, sizeof state->mqtt, "-"); /* not all have it */
    copy_text(json_object_get(json_object_get(status, "mqtt"), "state"), state->mqtt, sizeof state->mqtt);
    copy_text(json_object_get(json_object_get(status, "kafka"), "state"), state->kafka, sizeof state->kafka);
    state->received_rate = number(status, "recent", "received_per_second");
    state->delivered_rate = number(status, "recent", "delivered_per_second");
    state->p50 = number(status, "recent", "latency_p50_seconds");
    state->p99 = number(status, "recent", "latency_p99_seconds");
    state->spooled = number(status, "messages", "spooled");
    state->oldest = number(status, "spool", "oldest_seconds");
    state->dead_letters = number(status, "dead_letters", "count");
}

static void judge_status(struct bridge_state *state, const struct status_settings *settings)
{
    const json_t *problems = json_object_get(state->status, "problems");
    char age[QUANTITY_SIZE];
    size_t index;
    json_t *problem;
    json_array_foreach(problems, index, problem) if (json_is_string(problem))
        add_problem(state, "%s", json_string_value(problem));
    if (state->well && (!json_is_true(json_object_get(state->status, "ready")) ||
                        !json_is_true(json_object_get(state->status, "healthy"))))
        add_problem(state, "not ready");
    if (state->oldest * SECOND > (double)settings->oldest) {
        quantity_duration(state->oldest, age);
        add_problem(state, "the oldest message has been in %s for %s",
                    state->from_kafka ? "Kafka" : "the spool", age);
    }
    if (state->dead_letters > 0)
        add_problem(state, "%.0f dead letters (see dead-letters list)", state->dead_letters);
}

void bridges_judge(const struct target *target, const char *text, const char *problem,
                   const struct status_settings *settings, struct bridge_state *state)
{
    json_error_t reason;
    *state = (struct bridge_state){
        .address = target->address,
        .well = true,
        .mqtt = "?",
        .kafka = "?",
        .received_rate = -1,
        .delivered_rate = -1,
        .spooled = -1,
        .dead_letters = -1,
        .oldest = -1,
        .p50 = -1,
        .p99 = -1,
    };
    snprintf(state->name, sizeof state->name, "%.63s", *target->name ? target->name : target->address);
    if (!text) {
        add_problem(state, "does not answer%s%s: %s", *target->name ? " at " : "",
                    *target->name ? target->address : "", problem);
        return;
    }
    state->status = json_loads(text, 0, &reason);
    const char *name = NULL;
    for (size_t i = 0; target_kinds[i] && !name; i++)
        name = json_string_value(json_object_get(state->status, target_kinds[i]));
    state->answers = name != NULL;
    if (!state->answers) {
        add_problem(state, "what answers at %s is not a bridge", target->address);
        return;
    }
    if (!*target->name)
        snprintf(state->name, sizeof state->name, "%s", name);
    if (json_is_string(json_object_get(state->status, "store")))
        read_consumer(state, "stored_per_second", "messages");
    else if (json_is_string(json_object_get(state->status, "downlink")))
        read_consumer(state, "sent_per_second", "messages");
    else if (json_is_string(json_object_get(state->status, "estimate")))
        read_consumer(state, "written_per_second", "readings");
    else
        read_status(state);
    judge_status(state, settings);
}

bool bridges_ask(const struct targets *targets, const struct status_settings *settings,
                 struct bridge_state *states)
{
    struct fetch *fetches = calloc(targets->count, sizeof *fetches);
    if (!fetches)
        abort();
    for (size_t i = 0; i < targets->count; i++)
        fetches[i].address = targets->items[i].address;
    fetch_all(fetches, targets->count, "/status", settings->timeout);
    bool done = !stop_requested();
    if (done)
        bridges_free(states, targets->count);
    for (size_t i = 0; i < targets->count && done; i++)
        bridges_judge(&targets->items[i], fetches[i].body, fetches[i].problem, settings, &states[i]);
    fetch_free(fetches, targets->count);
    free(fetches);
    return done;
}

void bridges_free(struct bridge_state *states, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(states[i].status);
        states[i].status = NULL;
    }
}

bool bridges_all_well(const struct bridge_state *states, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!states[i].well)
            return false;
    return true;
}

json_t *bridges_json(const struct bridge_state *states, size_t count)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *problems = json_array();
        for (int k = 0; k < states[i].problem_count; k++)
            json_array_append_new(problems, json_text(states[i].problems[k]));
        json_array_append_new(
            all, json_pack("{s:o, s:o, s:b, s:o, s:O?}", "address", json_text(states[i].address), "bridge",
                           json_text(states[i].name), "well", states[i].well, "problems", problems, "status",
                           states[i].answers ? states[i].status : NULL));
    }
    return all;
}
