/* evaluate_model MODEL: reads rows of readings from standard input, and prints the probabilities of each,
 * with all digits. */
#include "estimate/model.h"

#include <inttypes.h>
#include <stdio.h>

static int fail(const char *message)
{
    fprintf(stderr, "evaluate_model: %s\n", message);
    return 1;
}

int main(int argc, char **argv)
{
    static struct model model;
    struct error error;
    double values[MODEL_INPUTS_MAX], probabilities[MODEL_CLASSES_MAX];
    size_t count = 0;
    if (argc != 2)
        return fail("wants the file of a model");
    if (!model_read(*argv[1] ? argv[1] : NULL, &model, &error))
        return fail(error.text);
    while (scanf("%lf", &values[count]) == 1) {
        if (++count < model.input_count)
            continue;
        printf("%" PRId64, model.classes[model_estimate(&model, values, probabilities)]);
        for (size_t i = 0; i < model.class_count; i++)
            printf(" %.17g", probabilities[i]);
        putchar('\n');
        count = 0;
    }
    return count == 0 ? 0 : fail("the last row is incomplete");
}
