#include "model.h"

#include "core/text.h"
#include "kafka/topic.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A model is some kilobytes. */
enum { FILE_MAX = 1 << 20 };

/* Member `name` as a list of `least` to `most` elements; NULL with *error. */
static const json_t *list(const json_t *object, const char *name, size_t least, size_t most,
                          struct error *error)
{
    const json_t *array = json_object_get(object, name);
    if (json_is_array(array) && json_array_size(array) >= least && json_array_size(array) <= most)
        return array;
    error_set(error, least == most ? "\"%s\" is not a list of %zu" : "\"%s\" is not a list of %zu to %zu",
              name, least, most);
    return NULL;
}

static bool parse_input(const char *name, struct model_input *input, struct error *error)
{
    const char *slash = name ? strrchr(name, '/') : NULL;
    if (!slash || strlen(name) >= MODEL_NAME_MAX || !text_to_integer(slash + 1, &input->node))
        return error_set(error, "the input '%s' is not TOPIC/NODE, as in \"temp/1\"", name ? name : "");
    snprintf(input->name, sizeof input->name, "%s", name);
    snprintf(input->topic, sizeof input->topic, "%.*s", (int)(slash - name), name);
    return kafka_topic_name_valid(input->topic) ||
           error_set(error, "the input '%s' is of no legal Kafka topic", name);
}

static bool parse_inputs(const json_t *object, struct model *model, struct error *error)
{
    const json_t *names = list(object, "inputs", 1, MODEL_INPUTS_MAX, error);
    if (!names)
        return false;
    for (size_t i = 0; i < json_array_size(names); i++) {
        struct model_input *input = &model->inputs[i];
        if (!parse_input(json_string_value(json_array_get(names, i)), input, error))
            return false;
        for (size_t j = 0; j < i; j++)
            if (model->inputs[j].node == input->node && strcmp(model->inputs[j].topic, input->topic) == 0)
                return error_set(error, "the input '%s' is there twice", input->name);
        model->input_count++;
    }
    return true;
}

static bool parse_classes(const json_t *object, struct model *model, struct error *error)
{
    const json_t *classes = list(object, "classes", 2, MODEL_CLASSES_MAX, error);
    if (!classes)
        return false;
    for (size_t i = 0; i < json_array_size(classes); i++) {
        const json_t *value = json_array_get(classes, i);
        if (!json_is_integer(value))
            return error_set(error, "\"classes\" are not whole numbers of people");
        model->classes[model->class_count++] = json_integer_value(value);
    }
    return true;
}

static bool parse_numbers(const json_t *array, const char *name, double *numbers, struct error *error)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_number(value))
            return error_set(error, "\"%s\" holds something that is not a number", name);
        numbers[i] = json_number_value(value);
    }
    return true;
}

static bool parse_coefficients(const json_t *object, struct model *model, struct error *error)
{
    const json_t *intercepts = list(object, "intercepts", model->class_count, model->class_count, error);
    const json_t *rows =
        intercepts ? list(object, "coefficients", model->class_count, model->class_count, error) : NULL;
    if (!rows || !parse_numbers(intercepts, "intercepts", model->intercepts, error))
        return false;
    for (size_t i = 0; i < model->class_count; i++) {
        const json_t *row = json_array_get(rows, i);
        if (!json_is_array(row) || json_array_size(row) != model->input_count)
            return error_set(error,
                             "a list in \"coefficients\" has not one number for each of the %zu inputs",
                             model->input_count);
        if (!parse_numbers(row, "coefficients", model->coefficients[i], error))
            return false;
    }
    return true;
}

bool model_parse(const char *text, size_t length, struct model *model, struct error *error)
{
    json_error_t reason;
    *model = (struct model){0};
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason);
    if (!object)
        return error_set(error, "line %d: %s", reason.line, reason.text);
    const char *source = json_string_value(json_object_get(object, "source"));
    snprintf(model->source, sizeof model->source, "%s", source ? source : "");
    bool ok = (json_is_object(object) || error_set(error, "it is not a JSON object")) &&
              parse_inputs(object, model, error) && parse_classes(object, model, error) &&
              parse_coefficients(object, model, error);
    json_decref(object);
    return ok;
}

bool model_read(const char *file, struct model *model, struct error *error)
{
    static const char advice[] = "scripts/train.py writes one that is right";
    static char text[FILE_MAX];
    struct error reason;
    if (!file)
        return model_parse(model_built_in, strlen(model_built_in), model, error);
    FILE *in = fopen(file, "re");
    if (!in)
        return error_set(error, "cannot open the model %s: %s", file, strerror(errno));
    size_t length = fread(text, 1, sizeof text, in);
    bool failed = ferror(in), larger = length == sizeof text;
    int error_number = errno;
    fclose(in);
    if (failed)
        return error_set(error, "cannot read the model %s: %s", file, strerror(error_number));
    if (larger)
        return error_set(error, "the model %s is larger than 1 MiB: %s", file, advice);
    return model_parse(text, length, model, &reason) ||
           error_set(error, "the model %s: %s; %s", file, reason.text, advice);
}

size_t model_estimate(const struct model *model, const double *values, double *probabilities)
{
    size_t best = 0;
    double sum = 0;
    for (size_t i = 0; i < model->class_count; i++) {
        double score = model->intercepts[i];
        for (size_t j = 0; j < model->input_count; j++)
            score += model->coefficients[i][j] * values[j];
        probabilities[i] = score;
        if (score > probabilities[best])
            best = i;
    }
    /* Softmax; relative to the greatest score nothing overflows. */
    double greatest = probabilities[best];
    for (size_t i = 0; i < model->class_count; i++)
        sum += probabilities[i] = exp(probabilities[i] - greatest);
    for (size_t i = 0; i < model->class_count; i++)
        probabilities[i] /= sum;
    return best;
}
