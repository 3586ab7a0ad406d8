/* The columns of a file and their nodes. */
#include "core_fixture.h"

#include "publish/columns.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The columns as "NAME=NODE;...", or the error, for texts and nodes separated by '|'. */
static void describe_columns(const char *texts, const char *nodes, char text[static 1024])
{
    struct text_list lists[2] = {{0}};
    struct columns columns = {0};
    struct error error;
    const char *const given[] = {texts, nodes};
    for (size_t i = 0; i < 2; i++) {
        char *copy = strdup(given[i]), *rest = copy;
        assert_non_null(copy);
        for (char *part; (part = strsep(&rest, "|")) && *given[i];)
            text_list_append(&lists[i], part);
        free(copy);
    }
    if (columns_parse(&lists[0], &columns, &error) && columns_select(&columns, &lists[1], &error)) {
        *text = '\0';
        for (size_t i = 0; i < columns.count; i++)
            snprintf(text + strlen(text), 1024 - strlen(text), "%s=%d;", columns.items[i].name,
                     (int)columns.items[i].node);
    } else {
        snprintf(text, sizeof error.text, "%s", error.text);
    }
    columns_free(&columns);
    text_list_free(&lists[0]);
    text_list_free(&lists[1]);
}

static void reads_columns(void **state)
{
    static const struct {
        const char *texts, *nodes, *wanted;
    } samples[] = {
        {"S1:1", "", "S1=1;"},
        {"S1:1,S2:2", "", "S1=1;S2=2;"},
        {"S1:1|S2:2,S3:3", "", "S1=1;S2=2;S3=3;"},
        {"a:b,c:5,d:6", "", "a:b,c=5;d=6;"},
        {"ratio 1:2:3", "", "ratio 1:2=3;"},
        {"S1:0", "", "S1=0;"},
        {"S1", "", "--column: 'S1' is not NAME:NODE with a whole number as NODE"},
        {"S1:x", "", "--column: 'S1:x' is not NAME:NODE with a whole number as NODE"},
        {"S1:-1", "", "--column: 'S1:-1' is not NAME:NODE with a whole number as NODE"},
        {":1", "", "--column: ':1' is not NAME:NODE with a whole number as NODE"},
        {"S1:1,", "", "--column: '' is not NAME:NODE with a whole number as NODE"},
        {"S1:99999999999999999999", "",
         "--column: 'S1:99999999999999999999' is not NAME:NODE with a whole number as NODE"},
        {"S1:1,S2:1", "", "--column: node 1 is there twice"},
        {"S1:1,S2:2,S3:3", "3,1", "S1=1;S3=3;"},
        {"S1:1,S2:2,S3:3", "2|3", "S2=2;S3=3;"},
        {"S1:1,S2:2", "3", "--nodes: no column is for node 3"},
        {"S1:1,S2:2", "1,", "--nodes: '1,' is not a list of whole numbers such as 1,3"},
        {"S1:1,S2:2", "a", "--nodes: 'a' is not a list of whole numbers such as 1,3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        char text[1024];
        describe_columns(samples[i].texts, samples[i].nodes, text);
        assert_string_equal(text, samples[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
