/* Numbers as a file writes them, and as JSON takes them. */
#include "core_fixture.h"

#include "publish/number.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void takes_numbers(void **state)
{
    static const struct {
        const char *text, *json;
    } samples[] = {
        /* JSON's own spellings, digit by digit */
        {"24.94", "24.94"},
        {"0", "0"},
        {"-0", "-0"},
        {"-0.0", "-0.0"},
        {"25", "25"},
        {"25.00", "25.00"},
        {"1E-18", "1E-18"},
        {"7.69801162017E-19", "7.69801162017E-19"},
        {"1e5", "1e5"},
        {"1e+05", "1e+05"},
        {"0.1000000000000000055511151231257827021181583404541015625",
         "0.1000000000000000055511151231257827021181583404541015625"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"1.7e308", "1.7e308"},
        {"0e999", "0e999"},
        {"1e-400", "1e-400"},
        /* other spellings */
        {"+3", "3"},
        {"+0.5", "0.5"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"5.", "5"},
        {"-5.", "-5"},
        {"5.e3", "5e3"},
        {"007", "7"},
        {"-007.50", "-7.50"},
        {"000", "0"},
        {"00.5", "0.5"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct number number;
        if (!number_parse(samples[i].text, '.', &number))
            fail_msg("'%s' is not taken", samples[i].text);
        assert_int_equal(number.length, strlen(samples[i].json));
        assert_memory_equal(number.text, samples[i].json, number.length);
    }
}

static void refuses_what_is_no_number(void **state)
{
    static const char *const samples[] = {
        "",
        " ",
        ".",
        "-",
        "+",
        "e5",
        "1e",
        "1e+",
        "1e5x",
        "x",
        "1x",
        "1 ",
        " 1",
        "1,5",
        "1.5.",
        "1..5",
        "--1",
        "+-1",
        "-+1",
        "0x10",
        "1_000",
        "inf",
        "Infinity",
        "nan",
        "NaN",
        "-inf",
        "true",
        "null",
        "1\n",
        "-.",
        "+.",
        ".e1",
        "1e5.0",
        "1e--5",
        "\xd9\xa1",
        "\"1\"",
        "1e309",
        "1e400",
        "-1e400",
        "1E+999",
        "1e99999999999999999999",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        struct number number;
        if (number_parse(samples[i], '.', &number))
            fail_msg("'%s' is taken for '%.*s'", samples[i], (int)number.length, number.text);
    }
}

static void bounds_numbers(void **state)
{
    char text[2 * NUMBER_MAX];
    struct number number;
    (void)state;
    memset(text, '1', sizeof text);
    text[NUMBER_MAX] = '\0';
    assert_true(number_parse(text, '.', &number));
    assert_int_equal(number.length, NUMBER_MAX);
    text[NUMBER_MAX] = '1';
    text[NUMBER_MAX + 1] = '\0';
    assert_false(number_parse(text, '.', &number));
    /* Each part of a number can be too long. */
    for (size_t length = NUMBER_MAX - 8; length <= NUMBER_MAX + 8; length++)
        for (const char *const *end = (const char *const[]){"", ".25", ".25e-10", "e10", NULL}; *end; end++) {
            memset(text, '1', length);
            strcpy(text + length, *end);
            assert_int_equal(number_parse(text, '.', &number), strlen(text) <= NUMBER_MAX);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_numbers),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(bounds_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
