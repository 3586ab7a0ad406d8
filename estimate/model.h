/* A linear model of how many are in the room: what scripts/train.py writes, read from JSON, and its
 * evaluation. */
#ifndef ROOMSTREAM_ESTIMATE_MODEL_H
#define ROOMSTREAM_ESTIMATE_MODEL_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_INPUTS_MAX = 64, MODEL_CLASSES_MAX = 32, MODEL_NAME_MAX = 300 };

/* One reading of a moment: a node's, of a topic. */
struct model_input {
    char name[MODEL_NAME_MAX];  /* TOPIC/NODE */
    char topic[MODEL_NAME_MAX]; /* Kafka's */
    int64_t node;
};

struct model {
    char source[512]; /* what it says of where it comes from; "" for nothing */
    size_t input_count, class_count;
    struct model_input inputs[MODEL_INPUTS_MAX]; /* no two are the same */
    int64_t classes[MODEL_CLASSES_MAX];          /* numbers of people */
    double intercepts[MODEL_CLASSES_MAX];
    double coefficients[MODEL_CLASSES_MAX][MODEL_INPUTS_MAX];
};

/* The model that is built in: estimate/model.json. */
extern const char model_built_in[];

/* Reads the model from a JSON text. False with *error: what is wrong with it. */
bool model_parse(const char *text, size_t length, struct model *model, struct error *error);

/* Reads it from a file; NULL: the model that is built in. False with *error, which names the file. */
bool model_read(const char *file, struct model *model, struct error *error);

/* Writes the probability of each class into `probabilities` (class_count), and returns the index of the
 * greatest. `values` are finite, in the order of the inputs. */
size_t model_estimate(const struct model *model, const double *values, double *probabilities);

#endif
