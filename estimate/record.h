/* The record of a moment, as JSON:
 *   {"time":"2017-12-22T10:49:41","estimate":1,"probability":[0.01,0.98,0.01,0],"seq":7,"old":["co2/5"]}
 * probability: of the model's classes, in their order, with 12 digits. "old" names the inputs whose last
 * reading before was taken. Where inputs are missing, which "missing" names, estimate and probability are
 * null, and so where readings are so large that the model overflows. */
#ifndef ROOMSTREAM_ESTIMATE_RECORD_H
#define ROOMSTREAM_ESTIMATE_RECORD_H

#include "join.h"
#include "model.h"

enum {
    RECORD_MAX = 256 + 32 * MODEL_CLASSES_MAX + 2 * (MODEL_NAME_MAX + 3) * MODEL_INPUTS_MAX,
    RECORD_TIME_MAX = 40,
};

struct estimate {
    bool known;    /* no input is missing, and the model has not overflown */
    int64_t count; /* people */
    double probabilities[MODEL_CLASSES_MAX];
    size_t old, missing; /* inputs */
};

struct estimate estimate_of(const struct model *model, const struct moment *moment);

/* Writes the time as the record has it, NUL-terminated. */
void record_time(int64_t time, bool utc, char text[static RECORD_TIME_MAX]);

/* Writes the record, without a NUL, and returns its length. */
size_t record_write(const struct model *model, const struct moment *moment, const struct estimate *estimate,
                    uint64_t seq, char text[static RECORD_MAX]);

#endif
