#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"
#include "store/reader.h"

#include <stdio.h>
#include <string.h>

static const int64_t kafka_ms = 1500000000000;

struct fixture {
    struct reader_settings settings;
    struct batch *batch;
    struct error reason;
};

static int set_up(void **state)
{
    static const char *const pointers[FIELDS] = {"/time", "/value", "/unit", "/occupancy",
                                                 "/seq",  "",       "/node"};
    static struct fixture f;
    struct error error;
    f = (struct fixture){.batch = batch_new(), .settings.time_unit = SECOND};
    for (int i = 0; i < FIELDS; i++)
        assert_true(pointer_parse(pointers[i], &f.settings.fields[i], &error));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < FIELDS; i++)
        pointer_free(&f->settings.fields[i]);
    batch_free(f->batch);
    return 0;
}

static void point(struct fixture *f, enum field field, const char *text)
{
    struct error error;
    pointer_free(&f->settings.fields[field]);
    assert_true(pointer_parse(text, &f->settings.fields[field], &error));
}

/* Reads a payload of the topic temp with the key k; returns the first reading, NULL when it is refused. */
static const struct reading *read_payload(struct fixture *f, const char *payload)
{
    const struct incoming incoming = {"temp", {"k", 1}, {payload, strlen(payload)}, kafka_ms};
    batch_clear(f->batch);
    batch_part(f->batch, 0, "temp", 0, 0);
    batch_message(f->batch);
    if (!reader_read(&f->settings, &incoming, f->batch, &f->reason))
        return NULL;
    assert_true(f->batch->reading_count > 0);
    assert_int_equal(f->batch->reading_count, f->batch->messages[0].count);
    return f->batch->readings;
}

static void assert_bytes(struct bytes bytes, const char *text)
{
    assert_int_equal(bytes.length, strlen(text));
    assert_memory_equal(bytes.at, text, bytes.length);
}

static void test_ours(void **state)
{
    const struct reading *r = read_payload(
        *state,
        "{\"time\":\"2017-12-22T10:49:41\",\"sensor\":\"temp\",\"node\":1,\"value\":24.94,\"unit\":\"Cel\","
        "\"occupancy\":1,\"seq\":9223372036854775807}");
    assert_non_null(r);
    assert_int_equal(r->time, INT64_C(1513939781) * SECOND);
    assert_true(r->has_value && r->value == 24.94);
    assert_bytes(r->key, "k");
    assert_bytes(r->unit, "Cel");
    assert_int_equal(r->occupancy, 1);
    assert_true(r->seq == INT64_MAX);
}

static void test_pointers_find_their_place_alone(void **state)
{
    struct fixture *f = *state;
    point(f, FIELD_VALUE, "/a/1/b");
    point(f, FIELD_KEY, "/k");
    const struct reading *r = read_payload(
        f,
        "{\"b\":1,\"x\":{\"a\":[0,{\"b\":2}]},\"a\":[{\"b\":3},{\"c\":{\"b\":4},\"b\":5,\"d\":[6]},{\"b\":7}],"
        "\"k\":8,\"time\":0,\"y\":{\"time\":9}}");
    assert_non_null(r);
    assert_true(r->value == 5);
    assert_int_equal(r->time, 0);
    assert_bytes(r->key, "8");
    assert_null(read_payload(f, "{\"a\":{\"2\":{\"b\":1}},\"k\":8,\"time\":0}"));
    assert_non_null(read_payload(f, "{\"a\":{\"1\":{\"b\":1}},\"k\":8,\"time\":0}"));
    assert_null(read_payload(f, "{\"a\":[0,{\"b\":1}],\"time\":0}")); /* no key */
    assert_non_null(strstr(f->reason.text, "key is missing"));
}

static void test_the_whole_document(void **state)
{
    struct fixture *f = *state;
    f->settings.format = PAYLOAD_JSON;
    f->settings.kafka_time = true;
    point(f, FIELD_VALUE, "");
    const struct reading *r = read_payload(f, " 23.5 ");
    assert_non_null(r);
    assert_true(r->value == 23.5);
    assert_int_equal(r->time, kafka_ms * MILLISECOND);
}

static void test_values(void **state)
{
    static const struct {
        const char *json;
        double value;
    } right[] = {{"true", 1},
                 {"false", 0},
                 {"-1e3", -1000},
                 {"123456789012345678901234567890", 1.2345678901234568e29}};
    static const char *const wrong[] = {
        "null", "{}",  "[1]", "1e999",       "1e-999",      "\"\\u0000\"",        "01",
        "+1",   "NaN", ".5",  "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\\\\\ud83d\""};
    char payload[200];
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        snprintf(payload, sizeof payload, "{\"time\":0,\"value\":%s}", right[i].json);
        const struct reading *r = read_payload(*state, payload);
        assert_non_null(r);
        assert_true(r->has_value && r->value == right[i].value);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(payload, sizeof payload, "{\"time\":0,\"value\":%s}", wrong[i]);
        assert_null(read_payload(*state, payload));
    }
    const struct reading *r = read_payload(*state, "{\"time\":0,\"value\":\"on\"}");
    assert_false(r->has_value);
    assert_bytes(r->text, "on");
    r = read_payload(*state, "{\"time\":0,\"value\":\"\\\\ud800\\ud83d\\ude00\"}");
    assert_bytes(r->text, "\\ud800\xf0\x9f\x98\x80");
}

static void test_times(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json;
        int64_t ns;
    } right[] = {{"\"1969-12-31T23:59:59Z\"", -SECOND},
                 {"\"2038-01-19T03:14:08Z\"", (INT64_C(1) << 31) * SECOND},
                 {"\"2020-01-01T00:00:00.5+01:00\"", INT64_C(1577833200) * SECOND + SECOND / 2},
                 {"-1.5", -SECOND * 3 / 2},
                 {"1.5e9", INT64_C(1500000000) * SECOND}};
    static const char *const wrong[] = {
        "\"\"", "\"2020-02-30T00:00:00\"", "\"1677-12-31\"", "1e12", "true", "{}", "null"};
    char payload[200];
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        snprintf(payload, sizeof payload, "{\"time\":%s,\"value\":1}", right[i].json);
        const struct reading *r = read_payload(f, payload);
        assert_non_null(r);
        assert_true(r->time == right[i].ns);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(payload, sizeof payload, "{\"time\":%s,\"value\":1}", wrong[i]);
        assert_null(read_payload(f, payload));
    }
    f->settings.time_unit = MILLISECOND;
    assert_true(read_payload(f, "{\"time\":1500,\"value\":1}")->time == SECOND * 3 / 2);
}

/* The examples of RFC 8428 section 5.1. */
static void test_senml(void **state)
{
    struct fixture *f = *state;
    const struct reading *r = read_payload(
        f,
        "[{\"bn\":\"urn:dev:ow:10e2073a0108006:\",\"bt\":1.276020076001e+09,\"bu\":\"A\",\"bver\":5,"
        "\"n\":\"voltage\",\"u\":\"V\",\"v\":120.1},{\"n\":\"current\",\"t\":-5,\"v\":1.2},{\"n\":\"current\",\"t\":-4,\"v\":1.3}]");
    assert_non_null(r);
    assert_int_equal(f->batch->reading_count, 3);
    assert_bytes(r[0].key, "urn:dev:ow:10e2073a0108006:voltage");
    assert_bytes(r[0].unit, "V");
    assert_bytes(r[1].unit, "A");
    assert_true(r[1].time == r[0].time - 5 * SECOND);
    r = read_payload(
        f, "[{\"bv\":20,\"n\":\"temp/1\",\"t\":-1},{\"n\":\"temp/2\",\"v\":0.5},{\"n\":\"x\",\"vb\":true},"
           "{\"n\":\"y\",\"vs\":\"z\"}]");
    assert_non_null(r);
    assert_bytes(r[0].key, "1");
    assert_true(r[0].time == (kafka_ms - 1000) * MILLISECOND); /* relative: before the message came */
    assert_true(r[0].value == 20 && r[1].value == 20.5 && r[2].value == 1);
    assert_bytes(r[3].text, "z");
}

static void test_senml_refused(void **state)
{
    static const char *const wrong[] = {"[]",
                                        "[{}]",
                                        "[1]",
                                        "[[]]",
                                        "[{\"n\":\"a\"}]",
                                        "[{\"v\":1}]",
                                        "[{\"n\":\"a b\",\"v\":1}]",
                                        "[{\"n\":\"-a\",\"v\":1}]",
                                        "[{\"n\":\"a\",\"v\":\"1\"}]",
                                        "[{\"n\":\"a\",\"v\":1,\"vs\":\"x\"}]",
                                        "[{\"n\":\"a\",\"s\":1}]",
                                        "[{\"n\":\"a\",\"v\":1,\"x_\":1}]",
                                        "[{\"n\":\"a\",\"v\":1,\"bver\":11}]",
                                        "[{\"n\":\"a\",\"v\":1,\"t\":\"now\"}]",
                                        "[{\"n\":\"a\",\"v\":1,\"t\":1e300}]",
                                        "[{\"bv\":1.7e308,\"n\":\"a\",\"v\":1.7e308}]",
                                        "[{\"n\":{},\"v\":1}]",
                                        "[{\"n\":\"a\",\"v\":1}",
                                        "[{\"n\":\"a\",\"vb\":1}]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null(read_payload(*state, wrong[i]));
}

static void test_csv(void **state)
{
    const struct reading *r = read_payload(*state, "2017/12/22, 10:49:41.25, 24.94, 1, 2\r\n");
    assert_non_null(r);
    assert_true(r->time == INT64_C(1513939781) * SECOND + SECOND / 4 && r->value == 24.94 &&
                r->occupancy == 2);
    r = read_payload(*state, "2017-12-22,10:49,-1e-3,1");
    assert_non_null(r);
    assert_false(r->has_occupancy);
    static const char *const wrong[] = {"2017/12/22, 10:49:41, 1",       "2017/12/22, 10:49:41, 1, 1, 1, 1",
                                        "2017/12/22, 25:00:00, 1, 1",    "2017/12/22, 10:49:41, , 1",
                                        "2017/12/22, 10:49:41, nan, 1",  "2017/12/22, 10:49:41, 0x1p3, 1",
                                        "2017/12/22, 10:49:41, 1, 1, x", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null(read_payload(*state, wrong[i]));
}

static void test_a_rejected_message_leaves_no_readings(void **state)
{
    struct fixture *f = *state;
    assert_null(read_payload(f, "[{\"n\":\"a\",\"v\":1},{\"n\":\"b\\u001b\",\"v\":1}]"));
    batch_reject(f->batch, &f->batch->messages[0], "why \x1b\xff");
    assert_int_equal(f->batch->reading_count, 0);
    assert_int_equal(f->batch->messages[0].kind, MESSAGE_REJECT);
    assert_string_equal(f->batch->messages[0].reason, "why ??");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_ours),
        TEST(test_pointers_find_their_place_alone),
        TEST(test_the_whole_document),
        TEST(test_values),
        TEST(test_times),
        TEST(test_senml),
        TEST(test_senml_refused),
        TEST(test_csv),
        TEST(test_a_rejected_message_leaves_no_readings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
