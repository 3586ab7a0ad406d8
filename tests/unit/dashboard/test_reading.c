#include "core_fixture.h"

#include "dashboard/reading.h"

static struct reading_bytes bytes(const char *text)
{
    return (struct reading_bytes){text, text ? strlen(text) : 0};
}

static bool parse(const char *key, const char *payload, struct reading *reading)
{
    return reading_parse(bytes(key), bytes(payload), 1234, reading);
}

static void reads_what_publish_makes(void **state)
{
    struct reading reading;
    (void)state;
    assert_true(parse("3",
                      "{\"time\":\"2017-12-22T10:49:41\",\"sensor\":\"temp\",\"node\":1,\"value\":24.94,"
                      "\"unit\":\"Cel\",\"occupancy\":2,\"seq\":1}",
                      &reading));
    assert_true(reading.time == INT64_C(1513939781000) && reading.has_value && reading.value == 24.94);
    assert_true(reading.has_truth && reading.truth == 2 && !reading.estimated);
    assert_string_equal(reading.name, "3");
    assert_string_equal(reading.unit, "Cel");
    assert_true(parse(NULL, "{\"node\":7,\"value\":true}", &reading));
    assert_string_equal(reading.name, "7");
    assert_true(reading.value == 1 && reading.time == 1234 && !reading.has_truth);
}

static void reads_what_estimate_makes(void **state)
{
    struct reading reading;
    (void)state;
    assert_true(
        parse(NULL, "{\"time\":1513939781.5,\"estimate\":2,\"probability\":[0.1,0.9],\"seq\":7}", &reading));
    assert_true(reading.estimated && reading.value == 2 && reading.time == INT64_C(1513939781500));
    assert_true(parse(NULL, "{\"time\":1513939781500,\"estimate\":0}", &reading));
    assert_true(reading.time == INT64_C(1513939781500));
}

static void takes_nothing_else(void **state)
{
    static const char *const payloads[] = {
        NULL,
        "",
        "7",
        "[1]",
        "{}",
        "{\"value\":\"x\"}",
        "{\"value\":null}",
        "{\"value\":1",
        "{\"value\":1e999}",
        "{\"value\":1,\"time\":\"yesterday\"}",
        "{\"value\":1,\"time\":[]}",
        "{\"value\":1,\"time\":1e300}",
        "{\"value\":\"\xff\"}",
        "<script>alert(1)</script>",
    };
    struct reading reading;
    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        assert_false(parse("1", payloads[i], &reading));
    char *large = calloc(1, READING_LONGEST + 2);
    memset(large, ' ', READING_LONGEST + 1);
    memcpy(large, "{\"value\":1}", 11);
    assert_false(reading_parse(bytes("1"), (struct reading_bytes){large, READING_LONGEST + 1}, 0, &reading));
    assert_true(reading_parse(bytes("1"), (struct reading_bytes){large, READING_LONGEST}, 0, &reading));
    free(large);
}

static void assert_text(const char *raw, size_t length, size_t size, const char *expected)
{
    char text[64];
    reading_text((struct reading_bytes){raw, length}, text, size);
    assert_string_equal(text, expected);
    assert_true(strlen(text) < size);
}

static void shows_any_bytes_as_text(void **state)
{
    (void)state;
    assert_text(NULL, 0, 64, "");
    assert_text("<b>&amp;", 8, 64, "<b>&amp;");
    assert_text("a\xffz\0\x1b[31m", 9, 64, "a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd[31m");
    assert_text("\xc2\x9b"
                "1\xed\xa0\x80",
                6, 64,
                "\xef\xbf\xbd\xef\xbf\xbd"
                "1\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_text("12345678", 8, 9, "12345678");
    assert_text("123456789", 9, 9, "12345\xe2\x80\xa6");
    assert_text("1234\xc3\xa4\xc3\xa4\xc3\xa4", 10, 9, "1234\xe2\x80\xa6");
    assert_text("\xf0\x9f\x98", 3, 64, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* cut within a character */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_publish_makes),
        cmocka_unit_test(reads_what_estimate_makes),
        cmocka_unit_test(takes_nothing_else),
        cmocka_unit_test(shows_any_bytes_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
