/* How each bridge is: asked, understood, and judged. */
#ifndef ROOMSTREAM_STATUS_BRIDGES_H
#define ROOMSTREAM_STATUS_BRIDGES_H

#include "targets.h"

#include <jansson.h>

enum { BRIDGE_PROBLEMS = 6 };

struct bridge_state {
    const char *address; /* the target's */
    char name[64];       /* the target's, else its own name, else its address */
    bool answers, well;
    bool from_kafka;                      /* it reads Kafka: what waits stands there, in no spool */
    char mqtt[32], kafka[32];             /* states */
    double received_rate, delivered_rate; /* messages a second */
    double spooled, dead_letters;         /* messages */
    double oldest, p50, p99;              /* seconds; -1: unknown */
    char problems[BRIDGE_PROBLEMS][320];  /* why it is not well */
    int problem_count;
    json_t *status; /* what it answered, or NULL */
};

/* Asks all targets at once, for at most settings->timeout, and replaces the states, one for each (zeroed
 * before the first time). False when a stop was requested meanwhile (stop.h): then they are unchanged. */
bool bridges_ask(const struct targets *targets, const struct status_settings *settings,
                 struct bridge_state *states);

/* Fills in a state from an answer, or from why there is none (text NULL). */
void bridges_judge(const struct target *target, const char *text, const char *problem,
                   const struct status_settings *settings, struct bridge_state *state);

/* Frees what the states hold, not the states. */
void bridges_free(struct bridge_state *states, size_t count);

bool bridges_all_well(const struct bridge_state *states, size_t count);

/* The states as a JSON array, the caller's to free. */
json_t *bridges_json(const struct bridge_state *states, size_t count);

#endif
