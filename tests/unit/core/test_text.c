#include "core_fixture.h"

#include "core/text.h"
#include "core/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void integers(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } right[] = {{"0", 0},
                 {"42", 42},
                 {"+7", 7},
                 {"-7", -7},
                 {"007", 7},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    static const char *const wrong[] = {"",
                                        " ",
                                        "x",
                                        "1x",
                                        " 1",
                                        "1 ",
                                        "1\n",
                                        "0x10",
                                        "1.0",
                                        "1e3",
                                        "+",
                                        "-",
                                        "+-1",
                                        "--1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999",
                                        "1,000",
                                        "\xd9\xa1"};
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        int64_t value = -1;
        assert_true(text_to_integer(right[i].text, &value));
        assert_int_equal(value, right[i].value);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int64_t value = 12345;
        if (text_to_integer(wrong[i], &value))
            fail_msg("'%s' was taken for %lld", wrong[i], (long long)value);
        assert_int_equal(value, 12345);
    }
}

static void reals(void **state)
{
    static const struct {
        const char *text;
        double value;
    } right[] = {{"0", 0},  {"0.5", 0.5},  {".5", 0.5},     {"5.", 5},       {"-2.25", -2.25},
                 {"+1", 1}, {"1e3", 1000}, {"1E-3", 0.001}, {"1.5e+2", 150}, {"1e-999", 0}};
    static const char *const wrong[] = {"",      ".",     "x",    "1x",    " 1",  "1 ",  "1e",
                                        "1e+",   "e5",    "1e5x", "0x1p3", "inf", "nan", "-inf",
                                        "1e999", "1.2.3", "1-2",  "--1",   "1,5", "+-1", "1e5e5"};
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        double value = -1;
        if (!text_to_real(right[i].text, &value) || value < right[i].value || value > right[i].value)
            fail_msg("'%s' was taken for %g", right[i].text, value);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        double value = 0;
        if (text_to_real(wrong[i], &value))
            fail_msg("'%s' was taken for %g", wrong[i], value);
    }
}

/* Far more digits than any number needs are refused, not cut. */
static void a_number_that_never_ends(void **state)
{
    char digits[201];
    double value;
    (void)state;
    memset(digits, '1', 200);
    digits[200] = '\0';
    assert_false(text_to_real(digits, &value));
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } right[] = {{"0", 0},
                 {"1", 1000000000},
                 {"0.5", 500000000},
                 {"1ns", 1},
                 {"2us", 2000},
                 {"250ms", 250000000},
                 {"10s", 10000000000},
                 {"2m", 120000000000},
                 {"2min", 120000000000},
                 {"1.5h", 5400000000000},
                 {"365d", 31536000000000000},
                 {"1MS", 1000000},
                 {"1e2s", 100000000000},
                 {"-0", 0}};
    static const char *const wrong[] = {"",   "s",    "1 s",   "1s ", " 1s",  "-1s",    "1x",      "1ss",
                                        "1y", "1mss", "1h30m", "inf", "300y", "1e300d", "106752d", "1,5s"};
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        int64_t ns = -1;
        if (!text_to_duration(right[i].text, &ns) || ns != right[i].ns)
            fail_msg("'%s' was taken for %lld ns", right[i].text, (long long)ns);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int64_t ns = 12345;
        if (text_to_duration(wrong[i], &ns))
            fail_msg("'%s' was taken for %lld ns", wrong[i], (long long)ns);
        assert_int_equal(ns, 12345);
    }
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } right[] = {{"0", 0},
                 {"1", 1},
                 {"1B", 1},
                 {"1K", 1024},
                 {"1k", 1024},
                 {"1KB", 1024},
                 {"1KiB", 1024},
                 {"64K", 65536},
                 {"1.5M", 1572864},
                 {"1MiB", 1048576},
                 {"1G", 1073741824},
                 {"2GB", INT64_C(2147483648)},
                 {"1T", INT64_C(1099511627776)},
                 {"1e3", 1000}};
    static const char *const wrong[] = {"",    "K",  "1 K", "-1",    "-1K", "1X",
                                        "1KK", "1P", "1iB", "9e18K", "nan", "0x10"};
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        int64_t bytes = -1;
        if (!text_to_size(right[i].text, &bytes) || bytes != right[i].bytes)
            fail_msg("'%s' was taken for %lld bytes", right[i].text, (long long)bytes);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int64_t bytes = 12345;
        if (text_to_size(wrong[i], &bytes))
            fail_msg("'%s' was taken for %lld bytes", wrong[i], (long long)bytes);
        assert_int_equal(bytes, 12345);
    }
}

static void sizes_for_people(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } table[] = {{0, "0 B"},
                 {1023, "1023 B"},
                 {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"},
                 {1048575, "1.0 MiB"}, /* never 1024.0 KiB */
                 {INT64_C(1) << 30, "1.0 GiB"},
                 {INT64_MAX, "8192.0 PiB"}};
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        char text[TEXT_SIZE_SIZE];
        text_from_size(table[i].bytes, text);
        assert_string_equal(text, table[i].text);
    }
}

static void lists(void **state)
{
    struct text_list list = {0};
    char text[8] = "one";
    (void)state;
    text_list_append(&list, text);
    strcpy(text, "two");
    text_list_append(&list, text);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0], "one");
    assert_string_equal(list.items[1], "two");
    assert_true(text_list_contains(&list, "two"));
    assert_false(text_list_contains(&list, "tw"));
    text_list_free(&list);
    assert_int_equal(list.count, 0);
    assert_null(list.items);
    text_list_free(&list);
}

static void utf8(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } table[] = {{"", 0},
                 {"a", 1},
                 {"\x7f", 1},
                 {"\xc2\x80", 2},
                 {"\xdf\xbf", 2},
                 {"\xe0\xa0\x80", 3},
                 {"\xe2\x82\xac", 3},
                 {"\xef\xbf\xbf", 3},
                 {"\xf0\x90\x80\x80", 4},
                 {"\xf4\x8f\xbf\xbf", 4},
                 /* not UTF-8: */
                 {"\x80", 0},             /* a continuation byte first */
                 {"\xc0\x80", 0},         /* U+0000, overlong */
                 {"\xc1\xbf", 0},         /* overlong */
                 {"\xe0\x9f\xbf", 0},     /* overlong */
                 {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
                 {"\xed\xa0\x80", 0},     /* a surrogate */
                 {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
                 {"\xf5\x80\x80\x80", 0},
                 {"\xff", 0},
                 {"\xc3", 0}, /* cut */
                 {"\xe2\x82", 0},
                 {"\xf0\x9f\x98", 0},
                 {"\xc3(", 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++)
        if (utf8_length(table[i].text) != table[i].length)
            fail_msg("row %zu: length %zu", i, utf8_length(table[i].text));
}

static void names_of_secrets(void **state)
{
    static const char *const secrets[] = {"sasl.password",
                                          "ssl.key.password",
                                          "ssl.keystore.password",
                                          "sasl.jaas.config",
                                          "sasl.oauthbearer.client.secret",
                                          "ssl.key.pem",
                                          "basic.auth.user.info",
                                          "sasl.oauthbearer.config"};
    static const char *const others[] = {"",     "sasl.username",  "security.protocol", "ssl.key.location",
                                         "acks", "ssl.ca.location"};
    (void)state;
    for (size_t i = 0; i < COUNT(secrets); i++)
        assert_true(text_names_secret(secrets[i], strlen(secrets[i])));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(text_names_secret(others[i], strlen(others[i])));
    assert_false(text_names_secret("acks=password", 4));
}

static void escapes(void **state)
{
    static const struct {
        const char *text, *bytes;
        size_t length;
    } right[] = {
        {"", "", 0},
        {"a:b", "a:b", 3},
        {"\\n\\r\\t\\\\", "\n\r\t\\", 4},
        {"a\\0b", "a\0b", 3},
        {"\\x1e\\xFf\\x00", "\x1e\xff\0", 3},
    };
    static const char *const wrong[] = {"\\", "\\q", "\\x", "\\x1", "\\xg1", "\\x1g", "a\\"};
    char bytes[16];
    size_t length;
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        assert_true(text_unescape(right[i].text, bytes, &length));
        assert_int_equal(length, right[i].length);
        assert_memory_equal(bytes, right[i].bytes, length);
    }
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(text_unescape(wrong[i], bytes, &length));
}

static void what_is_listed_steers_no_terminal(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *text;
    } cases[] = {
        {"a/\xc3\xa4/\xe2\x82\xac", 8, "a/\xc3\xa4/\xe2\x82\xac"},
        {"\x1b[2J\t\0\x7f", 7, "\\x1b[2J\\x09\\x00\\x7f"},
        {"\xc2\x9b\x32J\xc2\xa0", 6, "\\xc2\\x9b2J\xc2\xa0"},
        {"\x9b\x32J\xff\xe2\x82", 6, "\\x9b2J\\xff\\xe2\\x82"},
        {"\xe2\x82\xac", 2, "\\xe2\\x82"}, /* cut */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);
        text_print_escaped(out, cases[i].bytes, cases[i].length);
        fclose(out);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(reals),
        cmocka_unit_test(a_number_that_never_ends),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(sizes_for_people),
        cmocka_unit_test(lists),
        cmocka_unit_test(utf8),
        cmocka_unit_test(names_of_secrets),
        cmocka_unit_test(escapes),
        cmocka_unit_test(what_is_listed_steers_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
