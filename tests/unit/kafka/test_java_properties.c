/* lib/kafka: properties as Java's clients write them, in librdkafka's terms; where a wrong one was set. */
#include "core_fixture.h"

#include "kafka/client.h"
#include "kafka/jaas.h"
#include "kafka/java_properties.h"

static struct error error;

/* ---- the login line ---- */

static void login_lines(void **state)
{
    static const char *const lines[] = {
        "org.apache.kafka.common.security.plain.PlainLoginModule required username='me' password='a=b; \"c';",
        "org.apache.kafka.common.security.plain.PlainLoginModule   required password=\"a=b; \\\"c\" "
        "username=me;",
        "org.apache.kafka.common.security.scram.ScramLoginModule Required username=\"me\" tokenauth=false "
        "/* a comment */ password = 'a\\75b; \\\"c' ; // another",
    };
    struct jaas_login login;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_true(jaas_read(lines[i], &login, &error));
        assert_string_equal(login.username, "me");
        assert_string_equal(login.password, "a=b; \"c");
    }
}

static void wrong_login_lines(void **state)
{
    static const char *const lines[][2] = {
        {"", "not as in"},
        {"hunter2", "not as in"},
        {"x.y.Krb5LoginModule required useKeyTab=true;", "x.y.Krb5LoginModule is not supported"},
        {"x.PlainLoginModule required password='hunter2';", "no username"},
        {"x.PlainLoginModule required username=me;", "no password"},
        {"x.PlainLoginModule required username=me password='hunter2", "not as in"},
        {"x.PlainLoginModule required username me password='hunter2';", "not as in"},
        {"x.PlainLoginModule needed username=me password='hunter2';", "not as in"},
        {"x.PlainLoginModule required username=me password='hunter2'", "not as in"},
        {"x.PlainLoginModule required username=me password=1hunter2;", "not as in"},
        {"x.PlainLoginModule required username=me password='hunter2\n;", "not as in"},
        {"x.PlainLoginModule required username=me password=\"hunter2\"x\";", "not as in"},
        {"x.PlainLoginModule required username=me password=hunter2; y", "more than one"},
        {"x.ScramLoginModule required username=me password=hunter2 tokenauth=true;", "delegation token"},
    };
    char endless[4096] = "x.PlainLoginModule required username=me password=";
    struct jaas_login login;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_false(jaas_read(lines[i][0], &login, &error));
        assert_contains(error.text, lines[i][1]);
        assert_lacks(error.text, "hunter2");
    }
    memset(endless + strlen(endless), 'x', sizeof endless - strlen(endless) - 1);
    assert_false(jaas_read(endless, &login, &error));
    assert_contains(error.text, "not as in");
}

/* ---- single properties ---- */

static rd_kafka_conf_t *conf;

static int make_conf(void **state)
{
    (void)state;
    conf = rd_kafka_conf_new();
    return 0;
}

static int destroy_conf(void **state)
{
    (void)state;
    rd_kafka_conf_destroy(conf);
    return 0;
}

static void assert_conf(const char *name, const char *wanted)
{
    char value[512];
    size_t size = sizeof value;
    assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(value, wanted);
}

static void set(const char *name, const char *value, enum java_property_result wanted)
{
    assert_int_equal(java_property_set(conf, name, value, &error), wanted);
}

static void names_and_values_that_differ(void **state)
{
    (void)state;
    set("linger.ms", "7", JAVA_PROPERTY_SET);
    assert_conf("queue.buffering.max.ms", "7");
    set("send.buffer.bytes", "-1", JAVA_PROPERTY_SET);
    assert_conf("socket.send.buffer.bytes", "0");
    set("fetch.max.wait.ms", "300", JAVA_PROPERTY_SET);
    assert_conf("fetch.wait.max.ms", "300");
    set("auto.offset.reset", "none", JAVA_PROPERTY_SET);
    assert_conf("auto.offset.reset", "error");
    set("ssl.endpoint.identification.algorithm", "", JAVA_PROPERTY_SET);
    assert_conf("ssl.endpoint.identification.algorithm", "none");
    set("sasl.jaas.config", "x.ScramLoginModule required username='me' password='pw';", JAVA_PROPERTY_SET);
    assert_conf("sasl.username", "me");
    assert_conf("sasl.password", "pw");
}

static void what_is_for_other_clients(void **state)
{
    (void)state;
    set("schema.registry.url", "https://x", JAVA_PROPERTY_LEFT_OUT);
    set("basic.auth.user.info", "a:b", JAVA_PROPERTY_LEFT_OUT);
    set("key.serializer", "x.Y", JAVA_PROPERTY_LEFT_OUT);
    set("schema.registries", "x", JAVA_PROPERTY_WRONG);
    set("key.serializers", "x", JAVA_PROPERTY_WRONG);
    assert_contains(error.text, "No such configuration property");
}

static void pem_in_the_file(void **state)
{
    static const char joined[] = "-----BEGIN CERTIFICATE----- QUJD  REVG\n-----END CERTIFICATE----- x "
                                 "-----BEGIN CERTIFICATE-----\nR0hJ "
                                 "-----END CERTIFICATE-----";
    static const char lines[] = "-----BEGIN CERTIFICATE-----\nQUJDREVG\n-----END CERTIFICATE-----\n"
                                "-----BEGIN CERTIFICATE-----\nR0hJ\n-----END CERTIFICATE-----\n";
    char key[] = "-----BEGIN PRIVATE KEY----- aHVudGVyMg== -----END PRIVATE KEY-----";
    (void)state;
    set("ssl.truststore.type", "PEM", JAVA_PROPERTY_SET);
    set("ssl.truststore.certificates", joined, JAVA_PROPERTY_SET);
    assert_conf("ssl.ca.pem", lines);
    set("ssl.keystore.type", "pem", JAVA_PROPERTY_SET);
    set("ssl.keystore.type", "BCFKS", JAVA_PROPERTY_WRONG);
    assert_contains(error.text, "PEM or PKCS12");
    set("ssl.keystore.certificate.chain", joined, JAVA_PROPERTY_WRONG);
    assert_contains(error.text, "2 blocks, of which librdkafka takes only the first");
    set("ssl.keystore.key", "aHVudGVyMg==", JAVA_PROPERTY_WRONG);
    assert_contains(error.text, "not PEM text");
    assert_lacks(error.text, "aHVudGVyMg");
    set("ssl.keystore.key", key, JAVA_PROPERTY_SET);
}

static void stores(void **state)
{
    static const char pem[] = "Alias name: ca\n-----BEGIN CERTIFICATE-----\n", jks[] = "\xfe\xed\xfe\xed";
    struct temporary_file one = temporary_file(pem, sizeof pem - 1), two = temporary_file(jks, 4);
    (void)state;
    set("ssl.truststore.location", one.path, JAVA_PROPERTY_SET);
    assert_conf("ssl.ca.location", one.path);
    set("ssl.keystore.location", one.path, JAVA_PROPERTY_SET);
    assert_conf("ssl.certificate.location", one.path);
    assert_conf("ssl.key.location", one.path);
    set("ssl.truststore.location", two.path, JAVA_PROPERTY_WRONG);
    assert_contains(error.text, "keytool -list -rfc");
    set("ssl.keystore.location", two.path, JAVA_PROPERTY_SET);
    assert_conf("ssl.keystore.location", two.path);
    set("ssl.truststore.location", "/nonexistent", JAVA_PROPERTY_WRONG);
    assert_contains(error.text, "cannot read /nonexistent");
    fclose(one.stream);
    fclose(two.stream);
}

/* ---- a configuration ---- */

static const struct kafka_property acks[] = {{"acks", "all", "of this test"}};

static bool configure(rd_kafka_type_t type, const struct property *property)
{
    struct kafka_settings settings = {.brokers = "localhost"};
    property_list_append(&settings.properties, property);
    rd_kafka_conf_t *made = kafka_conf_new(type, &settings, NULL, 0, acks, 1, &error);
    property_list_free(&settings.properties);
    if (made)
        rd_kafka_conf_destroy(made);
    return made != NULL;
}

static void a_wrong_one_is_told_with_its_place(void **state)
{
    (void)state;
    assert_false(
        configure(RD_KAFKA_PRODUCER, &(struct property){"linger.ms", "soon", "a.properties:3", "", false}));
    assert_contains(error.text, "a.properties:3: Kafka property linger.ms=soon: Invalid value");
    assert_false(
        configure(RD_KAFKA_PRODUCER, &(struct property){"sasl.jaas.config", "hunter2", "f:4", "", false}));
    assert_contains(error.text, "f:4");
    assert_lacks(error.text, "hunter2");
    assert_false(
        configure(RD_KAFKA_PRODUCER, &(struct property){"ssl.keystore.key", "hunter2", "f:4", "", false}));
    assert_contains(error.text, "ssl.keystore.key=(hidden)");
    assert_lacks(error.text, "hunter2");
}

static void a_login_that_may_be_meant_two_ways(void **state)
{
    (void)state;
    assert_false(
        configure(RD_KAFKA_PRODUCER, &(struct property){"sasl.password", "hunter2", "f:4", "", true}));
    assert_contains(error.text, "f:4: a backslash in sasl.password");
    assert_lacks(error.text, "hunter2");
    assert_true(configure(RD_KAFKA_PRODUCER, &(struct property){"client.id", "a=b", "f:4", "", true}));
    assert_true(configure(RD_KAFKA_PRODUCER, &(struct property){"sasl.password", "x", "f:4", "", false}));
}

static void required_ones_by_any_name(void **state)
{
    (void)state;
    assert_true(configure(RD_KAFKA_PRODUCER, &(struct property){"acks", "-1", "f:1", "", false}));
    assert_false(
        configure(RD_KAFKA_PRODUCER, &(struct property){"request.required.acks", "1", "f:1", "", false}));
    assert_contains(error.text,
                    "f:1: Kafka property request.required.acks=1: it must be all here: of this test");
}

static void sections_for_one_kind_of_client(void **state)
{
    const struct property wrong = {"no.such", "1", "f:1", "consumer", false};
    (void)state;
    assert_true(configure(RD_KAFKA_PRODUCER, &wrong));
    assert_false(configure(RD_KAFKA_CONSUMER, &wrong));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(login_lines),
        cmocka_unit_test(wrong_login_lines),
        cmocka_unit_test_setup_teardown(names_and_values_that_differ, make_conf, destroy_conf),
        cmocka_unit_test_setup_teardown(what_is_for_other_clients, make_conf, destroy_conf),
        cmocka_unit_test_setup_teardown(pem_in_the_file, make_conf, destroy_conf),
        cmocka_unit_test_setup_teardown(stores, make_conf, destroy_conf),
        cmocka_unit_test(a_wrong_one_is_told_with_its_place),
        cmocka_unit_test(a_login_that_may_be_meant_two_ways),
        cmocka_unit_test(required_ones_by_any_name),
        cmocka_unit_test(sections_for_one_kind_of_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
