/* The Kafka topics of a bridge: which there are, and how many there ever may be. */
#include "spool_fixture.h"

#include "bridge/out/destinations.h"

#include <signal.h>
#include <sys/resource.h>

struct fixture {
    char folder[64];
    struct bridge_settings settings;
    struct text_list texts;
};

static int begin(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    *state = &f;
    log_nothing();
    make_folder(f.folder);
    text_list_append(&f.texts, "{a}/{b}={b}");
    f.settings = (struct bridge_settings){.spool_directory = f.folder,
                                          .routes = routes_open(&f.texts, "property", NULL),
                                          .position_topic = "home",
                                          .topic_max = 3};
    assert_non_null(f.settings.routes);
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    routes_close(f->settings.routes);
    text_list_free(&f->texts);
    remove_folder(f->folder);
    return 0;
}

static struct destinations *opened(struct fixture *f)
{
    struct error error;
    struct destinations *d = destinations_open(&f->settings, &error);
    if (!d)
        fail_msg("%s", error.text);
    return d;
}

static void put_list(struct fixture *f, const char *text)
{
    char path[100];
    snprintf(path, sizeof path, "%s/topics", f->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void expect_list(struct fixture *f, const char *expected)
{
    char path[100], text[200];
    snprintf(path, sizeof path, "%s/topics", f->folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void test_without_routes(void **state)
{
    struct fixture *f = *state;
    struct bridge_settings settings = f->settings;
    settings.routes = NULL;
    settings.kafka_topic = "home";
    struct destinations *d = destinations_open(&settings, NULL);
    assert_ptr_equal(destinations_fixed(d), destinations_home(d));
    assert_null(destinations_at(d, 1));
    destinations_close(d);
    settings.kafka_topic = "other";
    d = destinations_open(&settings, NULL);
    assert_string_equal(destinations_fixed(d)->name, "other");
    assert_string_equal(destinations_home(d)->name, "home");
    assert_null(destinations_at(d, 2));
    destinations_close(d);
}

static void test_each_is_listed_once(void **state)
{
    struct fixture *f = *state;
    struct destinations *d = opened(f);
    assert_null(destinations_fixed(d));
    struct destination *one = destinations_find(d, "one", NULL), *two = destinations_find(d, "two", NULL);
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(destinations_find(d, "one", NULL), one);
    assert_ptr_equal(destinations_find(d, "two", NULL), two);
    assert_int_equal(destinations_count(d), 2);
    one->ready = two->ready = true;
    two->in_flight = 7;
    destinations_forget(d);
    destinations_leave_producer(d);
    assert_false(one->ready || two->ready || two->in_flight);
    destinations_close(d);
    expect_list(f, "one\ntwo\n");
}

/* A route may lead to the topic under whose name the position is kept: it is a destination as well. */
static void test_the_home_is_not_listed(void **state)
{
    struct fixture *f = *state;
    struct destinations *d = opened(f);
    assert_int_equal(destinations_count(d), 0);
    assert_ptr_not_equal(destinations_find(d, "home", NULL), destinations_home(d));
    assert_int_equal(destinations_count(d), 1);
    destinations_close(d);
}

static void test_the_bound_holds_over_restarts(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct destinations *d = opened(f);
    destinations_find(d, "one", NULL);
    destinations_find(d, "two", NULL);
    destinations_close(d);
    d = opened(f);
    assert_int_equal(destinations_count(d), 2);
    assert_non_null(destinations_find(d, "three", NULL));
    assert_null(destinations_find(d, "four", &error));
    assert_string_equal(error.text,
                        "the Kafka topic 'four' would be one more than --topic-max allows, 3 (the "
                        "file topics in the spool's folder lists them)");
    assert_non_null(destinations_find(d, "one", NULL));
    destinations_close(d);
    expect_list(f, "one\ntwo\nthree\n");
}

static void test_a_list_that_a_kill_has_torn(void **state)
{
    struct fixture *f = *state;
    put_list(f, "one\none\nno name\n\ntw");
    struct destinations *d = opened(f);
    assert_int_equal(destinations_count(d), 1);
    destinations_find(d, "two", NULL);
    destinations_close(d);
    d = opened(f);
    assert_int_equal(destinations_count(d), 2);
    destinations_close(d);
}

static void test_a_list_that_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    struct error error;
    char path[100];
    snprintf(path, sizeof path, "%s/topics", f->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_null(destinations_open(&f->settings, &error));
    assert_non_null(strstr(error.text, "cannot open"));
    assert_non_null(strstr(error.text, "/topics: Is a directory"));
    assert_int_equal(rmdir(path), 0);
}

/* It counts in this process. */
static void test_a_list_that_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, none;
    struct destinations *d = opened(f);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    struct destination *one = destinations_find(d, "one", NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(one);
    assert_int_equal(destinations_count(d), 1);
    destinations_close(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_routes),
        TEST(test_each_is_listed_once),
        TEST(test_the_home_is_not_listed),
        TEST(test_the_bound_holds_over_restarts),
        TEST(test_a_list_that_a_kill_has_torn),
        TEST(test_a_list_that_cannot_be_read),
        TEST(test_a_list_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
