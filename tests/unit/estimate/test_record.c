/* Payloads in, records out, and the position between. */
#include "core_fixture.h"

#include "core/clock.h"
#include "estimate/position.h"
#include "estimate/reading.h"
#include "estimate/record.h"

#include <math.h>
#include <string.h>

static bool parse(const char *text, struct reading *reading, struct error *error)
{
    return reading_parse(text, strlen(text), reading, error);
}

static void reads_our_payload(void **state)
{
    struct reading reading;
    struct error error;
    (void)state;
    assert_true(parse("{\"time\":\"2017-12-22T10:49:41\",\"sensor\":\"temp\",\"node\":4,\"value\":24.94,"
                      "\"unit\":\"Cel\",\"occupancy\":1,\"seq\":1}",
                      &reading, &error));
    assert_int_equal(reading.time, 1513939781 * SECOND);
    assert_false(reading.utc);
    assert_int_equal(reading.node, 4);
    assert_true(reading.value == 24.94);
    assert_true(parse("{\"time\":\"2017-12-22T11:49:41.5+01:00\",\"node\":4,\"value\":7}", &reading, &error));
    assert_int_equal(reading.time, 1513939781 * SECOND + SECOND / 2);
    assert_true(reading.utc);
}

static void says_what_is_wrong_with_a_payload(void **state)
{
    static const struct {
        const char *payload, *reason;
    } cases[] = {
        {"2017/12/22, 10:49:41, 24.94, 1, 1", "it is not JSON"},
        {"[1]", "no \"time\""},
        {"7", "not JSON"},
        {"{\"node\":1,\"value\":1}", "no \"time\""},
        {"{\"time\":\"yesterday\",\"node\":1,\"value\":1}", "no \"time\""},
        {"{\"time\":1513939781,\"node\":1,\"value\":1}", "no \"time\""},
        {"{\"time\":\"2017-12-22\",\"value\":1}", "no \"node\""},
        {"{\"time\":\"2017-12-22\",\"node\":1.5,\"value\":1}", "no \"node\""},
        {"{\"time\":\"2017-12-22\",\"node\":1,\"value\":\"1\"}", "no \"value\""},
        {"{\"time\":\"2017-12-22\",\"node\":1,\"value\":1e999}", "JSON"},
        {"{\"time\":\"2017-12-22\",\"node\":1,\"value\":null}", "no \"value\""},
    };
    struct reading reading;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(parse(cases[i].payload, &reading, &error));
        if (!strstr(error.text, cases[i].reason))
            fail_msg("%s: %s", cases[i].payload, error.text);
    }
    assert_false(reading_parse(NULL, 0, &reading, &error));
    assert_string_equal(error.text, "it is empty");
    static char large[100000];
    memset(large, '[', sizeof large);
    assert_false(reading_parse(large, sizeof large, &reading, &error));
    assert_string_equal(error.text, "it is larger than 64 KiB");
    assert_false(reading_parse(large, 60000, &reading, &error));
}

static const char small_model[] =
    "{\"inputs\": [\"light/1\", \"pir/6\"], \"classes\": [0, 2], \"intercepts\": [0, -1],"
    " \"coefficients\": [[0, 0], [0.5, 1]]}";

static struct model parse_model(void)
{
    struct model model;
    struct error error;
    if (!model_parse(small_model, strlen(small_model), &model, &error))
        fail_msg("%s", error.text);
    return model;
}

static void estimates(void **state)
{
    const struct model model = parse_model();
    double probabilities[MODEL_CLASSES_MAX];
    (void)state;
    assert_int_equal(model_estimate(&model, (double[]){1, 0}, probabilities), 0);
    assert_int_equal(model_estimate(&model, (double[]){2, 1}, probabilities), 1);
    assert_true(fabs(probabilities[1] - 1 / (1 + exp(-1))) < 1e-15);
    assert_int_equal(model_estimate(&model, (double[]){1e6, 0}, probabilities), 1);
    assert_true(probabilities[0] == 0 && probabilities[1] == 1);
}

static void assert_record(const struct model *model, const struct moment *moment, const char *expected)
{
    char text[RECORD_MAX];
    const struct estimate estimate = estimate_of(model, moment);
    size_t length = record_write(model, moment, &estimate, 7, text);
    text[length] = '\0';
    assert_string_equal(text, expected);
}

static void writes_records(void **state)
{
    const struct model model = parse_model();
    struct moment moment = {.time = 1513939781 * SECOND, .values = {2, 0}};
    (void)state;
    assert_record(&model, &moment,
                  "{\"time\":\"2017-12-22T10:49:41\",\"estimate\":0,\"probability\":[0.5,0.5],\"seq\":7}");
    moment.time += SECOND / 2;
    moment.utc = true;
    moment.inputs[1] = MOMENT_OLD;
    assert_record(&model, &moment,
                  "{\"time\":\"2017-12-22T10:49:41.500Z\",\"estimate\":0,\"probability\":[0.5,0.5],\"seq\":7,"
                  "\"old\":[\"pir/6\"]}");
    moment.values[0] = 1.7e308;
    moment.values[1] = 1.7e308;
    assert_record(&model, &moment,
                  "{\"time\":\"2017-12-22T10:49:41.500Z\",\"estimate\":null,\"probability\":null,\"seq\":7,"
                  "\"old\":[\"pir/6\"]}");
    moment.inputs[0] = MOMENT_MISSING;
    assert_record(&model, &moment,
                  "{\"time\":\"2017-12-22T10:49:41.500Z\",\"estimate\":null,\"probability\":null,\"seq\":7,"
                  "\"old\":[\"pir/6\"],"
                  "\"missing\":[\"light/1\"]}");
}

static void the_longest_record_has_room(void **state)
{
    static struct model model;
    static struct moment moment;
    char text[RECORD_MAX];
    (void)state;
    model.input_count = MODEL_INPUTS_MAX;
    model.class_count = MODEL_CLASSES_MAX;
    for (size_t i = 0; i < MODEL_INPUTS_MAX; i++) {
        memset(model.inputs[i].name, 'x', MODEL_NAME_MAX - 1);
        moment.inputs[i] = i % 2 ? MOMENT_OLD : MOMENT_MISSING;
    }
    struct estimate estimate = estimate_of(&model, &moment);
    assert_true(record_write(&model, &moment, &estimate, UINT64_MAX, text) < RECORD_MAX);
    estimate.known = true;
    for (size_t i = 0; i < MODEL_CLASSES_MAX; i++)
        estimate.probabilities[i] = 1.23456789012e-300;
    size_t length = record_write(&model, &moment, &estimate, UINT64_MAX, text);
    assert_true(length < RECORD_MAX);
    assert_int_equal(text[length - 1], '}');
}

static void says_what_is_wrong_with_a_model(void **state)
{
    static const struct {
        const char *model, *reason;
    } cases[] = {
        {"", "line"},
        {"[]", "not a JSON object"},
        {"{\"inputs\": []}", "\"inputs\" is not a list of 1 to 64"},
        {"{\"inputs\": [\"temp\"]}", "'temp' is not TOPIC/NODE"},
        {"{\"inputs\": [1]}", "is not TOPIC/NODE"},
        {"{\"inputs\": [\"a b/1\"]}", "no legal Kafka topic"},
        {"{\"inputs\": [\"temp/1\", \"temp/01\"]}", "there twice"},
        {"{\"inputs\": [\"temp/1\"], \"classes\": [1]}", "\"classes\""},
        {"{\"inputs\": [\"temp/1\"], \"classes\": [1, \"2\"]}", "whole numbers"},
        {"{\"inputs\": [\"temp/1\"], \"classes\": [1, 2], \"intercepts\": [1]}",
         "\"intercepts\" is not a list of 2"},
        {"{\"inputs\": [\"temp/1\"], \"classes\": [1, 2], \"intercepts\": [1, null], \"coefficients\": [[1], "
         "[2]]}",
         "not a number"},
        {"{\"inputs\": [\"temp/1\"], \"classes\": [1, 2], \"intercepts\": [1, 2], \"coefficients\": [[1], "
         "[2, 3]]}",
         "not one number for each of the 1 inputs"},
    };
    struct model model;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(model_parse(cases[i].model, strlen(cases[i].model), &model, &error));
        if (!strstr(error.text, cases[i].reason))
            fail_msg("%s: %s", cases[i].model, error.text);
    }
    assert_false(model_read("/nowhere", &model, &error));
    assert_string_equal(error.text, "cannot open the model /nowhere: No such file or directory");
    assert_false(model_read("/", &model, &error));
    assert_string_equal(error.text, "cannot read the model /: Is a directory");
    assert_false(model_read("/dev/null", &model, &error));
    assert_non_null(strstr(error.text, "scripts/train.py"));
    assert_true(model_read(NULL, &model, &error));
    assert_int_equal(model.input_count, 16);
}

static void positions_outlive_a_restart(void **state)
{
    const struct position position = {
        .seq = UINT64_MAX, .time = -9 * INT64_C(1000000000000000000), .from = INT64_MAX};
    struct position read;
    char text[POSITION_TEXT_MAX];
    (void)state;
    position_write(&position, text);
    assert_true(position_read(text, strlen(text), &read));
    assert_memory_equal(&read, &position, sizeof read);
    assert_false(position_read(text, strlen(text) - 20, &read) && read.from == position.from);
    assert_false(position_read(NULL, 0, &read));
    assert_false(position_read("a spool's uuid", 14, &read));
    assert_false(position_read("estimate 1 seq=1 time=2 from=3 ", 31, &read));
    assert_false(position_read("estimate 1 seq=1 time=2 from=-3", 31, &read));
    static const char no_time[] = "estimate 1 seq=1 time=-9223372036854775808 from=3";
    assert_false(position_read(no_time, strlen(no_time), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_our_payload),
        cmocka_unit_test(says_what_is_wrong_with_a_payload),
        cmocka_unit_test(estimates),
        cmocka_unit_test(writes_records),
        cmocka_unit_test(the_longest_record_has_room),
        cmocka_unit_test(says_what_is_wrong_with_a_model),
        cmocka_unit_test(positions_outlive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
