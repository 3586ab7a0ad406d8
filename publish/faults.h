/* What goes wrong with real sensors, put into a replay: readings that are missing, stuck, doubled, late, or
 * far off. A reading has at most one fault, drawn by seed, loop, row and node.
 *
 * A new kind of fault: here and in fault_names; drawn by faults_next, sent or held back by next_reading in
 * replay.c, counted by summary.c. */
#ifndef ROOMSTREAM_PUBLISH_FAULTS_H
#define ROOMSTREAM_PUBLISH_FAULTS_H

#include "columns.h"
#include "core/error.h"
#include "core/text.h"
#include "number.h"

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_NONE,
    FAULT_MISSING, /* the reading is not sent */
    FAULT_STUCK,   /* the node's reading before is sent again instead */
    FAULT_SPIKE,   /* the value is far too high or too low */
    FAULT_DOUBLE,  /* sent twice */
    FAULT_LATE,    /* sent after later readings of the node */
    FAULT_KINDS,
};

/* Their names, in the order of the enum. */
extern const char *const fault_names[FAULT_KINDS];

struct fault_settings {
    double rates[FAULT_KINDS]; /* of readings with each fault, in 0 to 1; of stuck: that begin one */
    int64_t stuck_for;         /* readings */
    double spike_by;           /* times the value */
    int64_t late_by;           /* readings */
    int64_t seed;
};

/* Reads KIND=RATE or KIND=RATE:EXTENT items, several in one text separated by commas. False with *error where
 * one is wrong or the rates are more than 1 in all. */
bool fault_settings_parse(const struct text_list *texts, struct fault_settings *settings,
                          struct error *error);

/* True when there is any fault to simulate. */
bool fault_settings_any(const struct fault_settings *settings);

/* The faults of one replay. One thread. */
struct faults;

/* settings and columns outlive it. NULL when memory is exhausted. */
struct faults *faults_new(const struct fault_settings *settings, const struct columns *columns);
void faults_free(struct faults *faults);

/* A loop begins: nothing is stuck. */
void faults_begin_loop(struct faults *faults, uint64_t loop);

/* The fault of the reading of that row and column; each is asked for once, in order. *value is what was
 * recorded, and becomes what is sent. */
enum fault faults_next(struct faults *faults, uint64_t row, size_t column, struct number *value);

#endif
