/* Where records go and with which key, or why nowhere. */
#include "spool_fixture.h"

#include "bridge/out/router.h"

struct fixture {
    char folder[64];
    struct bridge_settings settings;
    struct destinations *destinations;
    struct counters counters;
    struct router router;
    struct routed routed;
    struct error reason;
};

static void open_router(struct fixture *f)
{
    struct error error;
    f->destinations = destinations_open(&f->settings, &error);
    assert_non_null(f->destinations);
    f->router =
        (struct router){.settings = &f->settings, .destinations = f->destinations, .counters = &f->counters};
}

static int begin(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    *state = &f;
    log_nothing();
    make_folder(f.folder);
    counters_init(&f.counters);
    f.settings =
        (struct bridge_settings){.spool_directory = f.folder, .position_topic = "home", .topic_max = 2};
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    router_free(&f->router);
    destinations_close(f->destinations);
    counters_free(&f->counters);
    routes_close(f->settings.routes);
    key_rule_free(&f->settings.key_rule);
    remove_folder(f->folder);
    return 0;
}

static bool route(struct fixture *f, const char *topic, const char *payload)
{
    const struct spool_record record = {
        .kind = SPOOL_MESSAGE, .topic = {topic, strlen(topic)}, .payload = {payload, strlen(payload)}};
    return router_route(&f->router, &record, &f->routed, &f->reason);
}

static void expect(struct fixture *f, const char *topic, const char *payload, const char *to, size_t number,
                   const char *key)
{
    if (!route(f, topic, payload))
        fail_msg("%s: %s", topic, f->reason.text);
    assert_string_equal(f->routed.to->name, to);
    assert_int_equal(f->routed.route, number);
    assert_int_equal(f->routed.key.bytes.length, strlen(key));
    assert_memory_equal(f->routed.key.bytes.data, key, strlen(key));
}

static void expect_nowhere(struct fixture *f, const char *topic, const char *reason)
{
    assert_false(route(f, topic, ""));
    assert_string_equal(f->reason.text, reason);
}

static void use_routes(struct fixture *f, const char *const *routes, size_t count)
{
    struct text_list list = {0};
    struct error error;
    for (size_t i = 0; i < count; i++)
        text_list_append(&list, routes[i]);
    f->settings.routes = routes_open(&list, "{room}", &error);
    text_list_free(&list);
    assert_non_null(f->settings.routes);
    open_router(f);
}

static void use_key(struct fixture *f, const char *key)
{
    const struct text_list none = {0};
    f->settings.kafka_topic = "t";
    assert_true(key_rule_parse(key, &none, &f->settings.key_rule, NULL));
    open_router(f);
}

static void test_one_topic(void **state)
{
    struct fixture *f = *state;
    use_key(f, "property");
    expect(f, "a/b", "x", "t", 0, "a/b");
    assert_int_equal(f->routed.key.kind, KAFKA_KEY_PROPERTY);
}

static void test_no_key(void **state)
{
    struct fixture *f = *state;
    use_key(f, "none");
    expect(f, "a/b", "x", "t", 0, "");
    assert_int_equal(f->routed.key.kind, KAFKA_KEY_NONE);
}

static void test_a_key_from_the_payload(void **state)
{
    struct fixture *f = *state;
    use_key(f, "json:/device/id");
    expect(f, "a/b", "{\"device\":{\"id\":\"seven\"}}", "t", 0, "seven");
    assert_int_equal(atomic_load(&f->counters.keyless), 0);
    expect(f, "a/b", "{\"device\":7}", "t", 0, "a/b");
    expect(f, "a/b", "no JSON", "t", 0, "a/b");
    assert_int_equal(atomic_load(&f->counters.keyless), 2);
}

static void test_routes(void **state)
{
    static const char *const routes[] = {"x/{room}/temp=temp", "x/{room}/{sensor}={sensor},{sensor}"};
    struct fixture *f = *state;
    use_routes(f, routes, 2);
    expect(f, "x/kitchen/temp", "", "temp", 0, "kitchen");
    expect(f, "x/kitchen/light", "", "light", 1, "light");
    assert_int_equal(atomic_load(&f->counters.topics), 2);
}

static void test_nowhere(void **state)
{
    static const char *const routes[] = {"x/{room}={room}"};
    struct fixture *f = *state;
    struct spool_record record = {.kind = SPOOL_MESSAGE, .topic = {"x/a", 3}, .reason = {"too large", 9}};
    use_routes(f, routes, 1);
    expect_nowhere(f, "y", "no route matches its MQTT topic");
    expect_nowhere(f, "x/..", "'..' cannot be the name of a Kafka topic");
    expect_nowhere(f, "x/", "'' cannot be the name of a Kafka topic");
    expect_nowhere(f, "x/__consumer_offsets", "'__consumer_offsets' is a name as Kafka's own topics have");
    assert_false(router_route(&f->router, &record, &f->routed, &f->reason));
    assert_string_equal(f->reason.text, "too large");
    assert_int_equal(destinations_count(f->destinations), 0);
    f->settings.dead_letter_topic = "letters";
    expect_nowhere(f, "x/letters", "its Kafka topic 'letters' is that of --dead-letter-topic");
    expect(f, "x/a", "", "a", 0, "a");
    expect(f, "x/b", "", "b", 0, "b");
    expect_nowhere(f, "x/c",
                   "the Kafka topic 'c' would be one more than --topic-max allows, 2 (the file topics in the "
                   "spool's folder lists them)");
    expect(f, "x/a", "", "a", 0, "a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_topic), TEST(test_no_key),  TEST(test_a_key_from_the_payload),
        TEST(test_routes),    TEST(test_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
