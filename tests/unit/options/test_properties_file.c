/* Files of properties in Java's form, and ini files beside them; tests/flow/test_java_properties.py compares
 * with Java itself. */
#include "core_fixture.h"

#include "options/properties_file.h"

static bool read_text(const char *text, struct config_file *file, struct error *error)
{
    struct temporary_file made = temporary_file(text, strlen(text));
    bool ok = properties_file_read(made.path, file, error);
    fclose(made.stream);
    return ok;
}

static void one_property(void **state)
{
    static const char *const table[][3] = {
        {"a=b", "a", "b"},
        {"a = b ", "a", "b"},
        {"a: b", "a", "b"},
        {"a b", "a", "b"},
        {"a\t=:b", "a", ":b"},
        {"a", "a", ""},
        {"\xef\xbb\xbf"
         "a=b\r\n",
         "a", "b"},
        {"# c = d \\\n! e\n \f\n  a=b#c", "a", "b#c"},
        {"bootstrap.servers=host\\:9092,other\\:9093\n", "bootstrap.servers", "host:9092,other:9093"},
        {"a\\ b\\:c\\=d=e\\=f\\#\\!", "a b:c=d", "e=f#!"},
        {"a=b\\\n   c\\\r\n\td", "a", "bcd"},
        {"a=b\\\\\n", "a", "b\\"},
        {"\\\n# no property\na=b", "a", "b"},
        {
            "a=\\t\\n\\r\\f.",
            "a",
            ".",
        },
        {"a=.\\t\\n\\r\\f.", "a", ".\t\n\r\f."},
        {"a=\\u00e4\\u20AC\\ud83c\\udf21", "a", "ä€\U0001f321"},
        {"a=x \\\"y\\\"", "a", "x \"y\""},
        {";a=b", ";a", "b"},
    };
    struct config_file file;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_true(read_text(table[i][0], &file, &error));
        assert_int_equal(file.count, 1);
        assert_string_equal(file.entries[0].section, "");
        assert_string_equal(file.entries[0].key, table[i][1]);
        assert_string_equal(file.entries[0].value, table[i][2]);
        config_file_free(&file);
    }
}

static void several_know_their_lines(void **state)
{
    struct config_file file;
    struct error error;
    (void)state;
    assert_true(read_text("# x\na=1\\\n  2\n\nb=\\\\3\rc\n", &file, &error));
    assert_int_equal(file.count, 3);
    assert_string_equal(file.entries[0].value, "12");
    assert_int_equal(file.entries[0].line, 2);
    assert_false(file.entries[0].escaped);
    assert_string_equal(file.entries[1].value, "\\3");
    assert_int_equal(file.entries[1].line, 5);
    assert_true(file.entries[1].escaped);
    assert_string_equal(file.entries[2].key, "c");
    assert_int_equal(file.entries[2].line, 6);
    config_file_free(&file);
}

static void what_is_refused_does_not_show_values(void **state)
{
    static const char *const table[][2] = {
        {"x=1\npassword=hunter2\\d", ":2: password: a backslash that begins none of the escapes"},
        {"password=hunter2\\0", "write \\\\ for a backslash"},
        {"password=hunter2\\u12g4", "four hexadecimal digits"},
        {"password=hunter2\\u12", "four hexadecimal digits"},
        {"password=hunter2\\u0000", "NUL"},
        {"password=hunter2\\ud83cx", "half a surrogate pair"},
        {"password=hunter2\\udf21", "half a surrogate pair"},
        {"password=hunter2\xc3\xa4", "a character beyond ASCII"},
        {"password=hunter2\\\xc3\xa4", "a character beyond ASCII"},
        {"hunter2\\d=1", "in the name of a property"},
        {"[ini]\npassword hunter2", ":2: expected 'key = value'"},
        {"[ini]\n[hunter2", ":2: a section header must be [NAME]"},
    };
    struct config_file file;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_false(read_text(table[i][0], &file, &error));
        assert_contains(error.text, table[i][1]);
        assert_lacks(error.text, "hunter2");
    }
    struct temporary_file nul = temporary_file("a=b\0c", 5);
    assert_false(properties_file_read(nul.path, &file, &error));
    assert_contains(error.text, ":1: a NUL byte");
    fclose(nul.stream);
    assert_false(properties_file_read("/nonexistent", &file, &error));
    assert_contains(error.text, "cannot read the configuration file '/nonexistent'");
}

static void sections_make_it_an_ini_file(void **state)
{
    struct config_file file;
    struct error error;
    (void)state;
    assert_true(read_text("a = 1\n [default] \npassword = a\\d\\: \xc3\xa4 \\\nb: 1 = 2\n", &file, &error));
    assert_int_equal(file.count, 3);
    assert_string_equal(file.entries[1].section, "default");
    assert_string_equal(file.entries[1].value, "a\\d\\: \xc3\xa4 \\");
    assert_false(file.entries[1].escaped);
    assert_string_equal(file.entries[2].key, "b: 1");
    config_file_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_property),
        cmocka_unit_test(several_know_their_lines),
        cmocka_unit_test(what_is_refused_does_not_show_values),
        cmocka_unit_test(sections_make_it_an_ini_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
