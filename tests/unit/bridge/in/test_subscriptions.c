/* What is subscribed to over several starts, and which copies are dropped. */
#include "spool_fixture.h"

#include "bridge/in/subscriptions.h"

struct fixture {
    char folder[64];
    struct bridge_settings settings;
    struct subscriptions *subscriptions;
    struct mqtt_session session;
};

static int begin(void **state)
{
    static struct fixture f;
    f = (struct fixture){.settings = {.spool_directory = f.folder}};
    *state = &f;
    log_nothing();
    make_folder(f.folder);
    return 0;
}

static void stop(struct fixture *f)
{
    if (!f->subscriptions)
        return;
    subscriptions_close(f->subscriptions);
    route_filters_free(&f->settings.filters);
    routes_close(f->settings.routes);
    f->subscriptions = NULL;
}

static int end(void **state)
{
    struct fixture *f = *state;
    stop(f);
    remove_folder(f->folder);
    return 0;
}

/* A start with routes to these filters, a NULL-terminated list. */
static void start(struct fixture *f, const char *const *filters)
{
    struct text_list routes = {0};
    struct error error;
    char text[100];
    stop(f);
    for (; *filters; filters++) {
        snprintf(text, sizeof text, "%s=k", *filters);
        text_list_append(&routes, text);
    }
    f->settings.routes = routes_open(&routes, "property", &error);
    text_list_free(&routes);
    assert_non_null(f->settings.routes);
    assert_true(route_filters_make(f->settings.routes, &f->settings.filters, &error));
    f->subscriptions = subscriptions_open(&f->settings, &error);
    assert_non_null(f->subscriptions);
    f->session = (struct mqtt_session){0};
    subscriptions_set(f->subscriptions, &f->session);
}

#define FILTERS(...) ((const char *const[]){__VA_ARGS__, NULL})

static uint32_t identifier(const struct fixture *f, const char *filter)
{
    for (size_t i = 0; i < f->session.filter_count; i++)
        if (strcmp(f->session.filters[i], filter) == 0)
            return f->session.identifiers[i];
    fail_msg("there is no %s", filter);
    return 0;
}

/* Is a message with up to two identifiers (0: none) dropped? */
static bool dropped(const struct fixture *f, const char *topic, uint32_t one, uint32_t other)
{
    MQTTProperty items[] = {
        {.identifier = MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, .value.integer4 = one},
        {.identifier = MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, .value.integer4 = other},
    };
    MQTTProperties properties = {.count = one ? other ? 2 : 1 : 0, .array = items};
    const struct mqtt_message message = {
        .topic = topic, .topic_length = strlen(topic), .properties = &properties};
    return subscriptions_is_copy(f->subscriptions, &message);
}

static void test_copies(void **state)
{
    struct fixture *f = *state;
    start(f, FILTERS("kitchen/#", "+/temp", "cellar/light"));
    uint32_t temp = identifier(f, "+/temp"), kitchen = identifier(f, "kitchen/#");
    assert_true(temp && kitchen && temp != kitchen);
    assert_int_equal(identifier(f, "cellar/light"), 0);
    assert_true(dropped(f, "kitchen/temp", temp, 0));
    assert_false(dropped(f, "kitchen/temp", kitchen, 0));
    assert_false(dropped(f, "kitchen/temp", kitchen, temp)); /* one for both */
    assert_false(dropped(f, "kitchen/temp", 0, 0));          /* of a broker without identifiers */
    assert_false(dropped(f, "kitchen/light", kitchen, 0));
    assert_false(dropped(f, "cellar/temp", temp, 0));
    assert_false(dropped(f, "kitchen/temp", 77, 0));
}

/* A message that was queued under the former routes is judged by them. */
static void test_an_identifier_means_the_same_for_ever(void **state)
{
    struct fixture *f = *state;
    start(f, FILTERS("kitchen/#", "+/temp"));
    uint32_t temp = identifier(f, "+/temp"), kitchen = identifier(f, "kitchen/#");
    subscriptions_granted(f->subscriptions);
    start(f, FILTERS("kitchen/#", "+/temp"));
    assert_int_equal(identifier(f, "+/temp"), temp);
    assert_int_equal(identifier(f, "kitchen/#"), kitchen);

    start(f, FILTERS("a", "+/temp"));
    assert_int_equal(f->session.unsubscribe_count, 1);
    assert_string_equal(f->session.unsubscribe[0], "kitchen/#");
    assert_int_equal(identifier(f, "+/temp"), 0); /* it overlaps with nothing */
    assert_true(dropped(f, "kitchen/temp", temp, 0));
    assert_false(dropped(f, "kitchen/temp", kitchen, 0));
    subscriptions_granted(f->subscriptions);

    start(f, FILTERS("kitchen/#", "cellar/#", "+/temp"));
    assert_true(identifier(f, "+/temp") > temp); /* it has another elder */
    assert_true(dropped(f, "kitchen/temp", temp, 0));
    assert_false(dropped(f, "cellar/temp", temp, 0));
    assert_true(dropped(f, "cellar/temp", identifier(f, "+/temp"), 0));
}

/* Not to another filter: it is on messages that are queued. */
static void test_no_identifier_is_given_twice(void **state)
{
    static const char *const others[] = {"a/+", "c/+", "d/+", "e/+"};
    struct fixture *f = *state;
    uint32_t last = 0;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        start(f, FILTERS("a/+", "+/b", "x/+/y", "x/z/+"));
        subscriptions_granted(f->subscriptions);
        start(f, FILTERS(others[i], "+/b"));
        subscriptions_granted(f->subscriptions);
        assert_true(identifier(f, others[i]) > last || i == 0);
        last = identifier(f, others[i]);
        start(f, FILTERS("+/b"));
        subscriptions_granted(f->subscriptions);
    }
}

/* Until the broker has answered, a filter stays to be given up. */
static void test_what_is_removed_is_given_up(void **state)
{
    struct fixture *f = *state;
    start(f, FILTERS("a", "b", "c"));
    subscriptions_granted(f->subscriptions);
    assert_int_equal(f->session.unsubscribe_count, 0);
    for (int times = 0; times < 2; times++) {
        start(f, FILTERS("b"));
        assert_int_equal(f->session.unsubscribe_count, 2);
    }
    subscriptions_granted(f->subscriptions);
    start(f, FILTERS("b"));
    assert_int_equal(f->session.unsubscribe_count, 0);
    start(f, FILTERS("b", "c"));
    assert_int_equal(f->session.unsubscribe_count, 0);
    assert_int_equal(f->session.filter_count, 2);
}

static void test_a_group_is_part_of_it(void **state)
{
    struct fixture *f = *state;
    start(f, FILTERS("a/+", "+/b"));
    subscriptions_granted(f->subscriptions);
    f->settings.share = "g";
    start(f, FILTERS("a/+", "+/b"));
    assert_int_equal(f->session.unsubscribe_count, 2);
    assert_false(dropped(f, "a/b", identifier(f, "$share/g/a/+"), 0));
    assert_true(dropped(f, "a/b", identifier(f, "$share/g/+/b"), 0));
}

static void test_a_file_of_nonsense(void **state)
{
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/subscriptions", f->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("+\t0\told\nnonsense\n", file);
    fclose(file);
    start(f, FILTERS("a"));
    assert_int_equal(f->session.filter_count, 1);
    assert_int_equal(f->session.unsubscribe_count, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_copies),
        TEST(test_an_identifier_means_the_same_for_ever),
        TEST(test_no_identifier_is_given_twice),
        TEST(test_what_is_removed_is_given_up),
        TEST(test_a_group_is_part_of_it),
        TEST(test_a_file_of_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
