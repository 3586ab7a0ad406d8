/* Bytes as JSON: jansson reads what was written. */
#include "core_fixture.h"

#include "core/json_stream.h"
#include "core/json_text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct text {
    char bytes[4096];
    size_t length;
};

static void append(void *context, const void *data, size_t length)
{
    struct text *text = context;
    assert_true(text->length + length < sizeof text->bytes);
    memcpy(text->bytes + text->length, data, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

/* {"name":...} as json_write_bytes writes it. */
static struct text member(const void *bytes, size_t length)
{
    struct text text = {0};
    append(&text, "{", 1);
    json_write_bytes(append, &text, "v", bytes, length);
    append(&text, "}", 1);
    return text;
}

static void text_and_base64(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *json;
    } cases[] = {
        {"", 0, "{\"v\":\"\"}"},
        {"24.9", 4, "{\"v\":\"24.9\"}"},
        {"a\"b\\c/", 6, "{\"v\":\"a\\\"b\\\\c/\"}"},
        {"\b\f\n\r\t", 5, "{\"v\":\"\\b\\f\\n\\r\\t\"}"},
        {"\0a\x1f\x7f", 4, "{\"v\":\"\\u0000a\\u001f\\u007f\"}"},
        {"\xc2\x80\xc2\x9b\x32J\xc2\x9f\xc2\xa0\xc3\x9f", 12,
         "{\"v\":\"\\u0080\\u009b2J\\u009f\xc2\xa0\xc3\x9f\"}"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\xa1", 9, "{\"v\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\xa1\"}"},
        {"\xc3", 1, "{\"v_base64\":\"ww==\"}"},
        {"ab\xff", 3, "{\"v_base64\":\"YWL/\"}"},
        {"\xed\xa0\x80.", 4, "{\"v_base64\":\"7aCALg==\"}"},
        {"\xe2\x82\xac", 2, "{\"v_base64\":\"4oI=\"}"}, /* cut: the byte behind does not count */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(member(cases[i].bytes, cases[i].length).bytes, cases[i].json);
}

/* A terminal may take U+009B, or another C1 control, for the beginning of a command. */
static void what_jansson_prints_steers_no_terminal(void **state)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    json_t *value = json_pack("[s, s]", "a\xc2\x9b\x31m\x7f\xc2\xa0\xc3\xa4", "\xc2\x80\xc2\xb5\x1b");
    (void)state;
    assert_true(json_print(value, out, JSON_COMPACT));
    fclose(out);
    assert_string_equal(text, "[\"a\\u009b1m\\u007f\xc2\xa0\xc3\xa4\",\"\\u0080\xc2\xb5\\u001B\"]");
    json_t *again = json_loads(text, 0, NULL);
    assert_true(json_equal(value, again));
    json_decref(value);
    json_decref(again);
    free(text);
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 3000; round++) {
        unsigned char bytes[1200];
        size_t length = (size_t)rand() % (round % 10 ? 20 : sizeof bytes), found;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)(rand() % (round % 2 ? 256 : 128));
        struct text text = member(bytes, length);
        json_error_t reason;
        json_t *object = json_loadb(text.bytes, text.length, JSON_ALLOW_NUL, &reason);
        struct error error;
        void *back;
        assert_non_null(object);
        assert_int_equal(json_get_bytes(object, "v", &back, &found, &error), JSON_BYTES_FOUND);
        assert_int_equal(found, length);
        assert_memory_equal(back, bytes, length);
        free(back);
        json_decref(object);
    }
}

static void members_that_hold_no_bytes(void **state)
{
    static const struct {
        const char *json;
        enum json_bytes_result result;
        const char *message;
    } cases[] = {
        {"{}", JSON_BYTES_ABSENT, ""},
        {"{\"v\":null}", JSON_BYTES_ABSENT, ""},
        {"{\"v_base64\":null}", JSON_BYTES_ABSENT, ""},
        {"{\"v\":1}", JSON_BYTES_WRONG, "\"v\" is not a string"},
        {"{\"v_base64\":{}}", JSON_BYTES_WRONG, "\"v_base64\" is not a string"},
        {"{\"v\":\"a\",\"v_base64\":\"YQ==\"}", JSON_BYTES_WRONG, "both"},
        {"{\"v_base64\":\"YQ=\"}", JSON_BYTES_WRONG, "not base64"},
        {"{\"v_base64\":\" YQ==\"}", JSON_BYTES_WRONG, "not base64"},
        {"{\"v_base64\":\"=YQ=\"}", JSON_BYTES_WRONG, "not base64"},
        {"{\"v_base64\":\"Y===\"}", JSON_BYTES_WRONG, "not base64"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_error_t reason;
        struct error error = {""};
        void *bytes = NULL;
        size_t length;
        json_t *object = json_loads(cases[i].json, 0, &reason);
        assert_int_equal(json_get_bytes(object, "v", &bytes, &length, &error), cases[i].result);
        assert_contains(error.text, cases[i].message);
        assert_null(bytes);
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_base64),
        cmocka_unit_test(what_jansson_prints_steers_no_terminal),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(members_that_hold_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
