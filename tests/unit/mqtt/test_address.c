/* Addresses of a broker: names, IPv4 and IPv6, schemes, and contradictions. */
#include "core_fixture.h"

#include "mqtt/address.h"

static void reads_every_form(void **state)
{
    static const struct {
        const char *host;
        int port;
        bool tls;
        const char *uri, *paho_uri; /* paho_uri NULL: the same */
    } cases[] = {
        {"localhost", 0, false, "mqtt://localhost:1883", NULL},
        {"localhost", 0, true, "mqtts://localhost:8883", NULL},
        {"127.0.0.1", 1884, true, "mqtts://127.0.0.1:1884", NULL},
        {"::1", 0, false, "mqtt://[::1]:1883", NULL},
        {"[::1]", 5, false, "mqtt://[::1]:5", NULL},
        {"[2001:db8::1.2.3.4]", 0, true, "mqtts://[2001:db8::1.2.3.4]:8883",
         "mqtts://2001:db8::1.2.3.4:8883"},
        {"mqtt://a.example", 0, false, "mqtt://a.example:1883", NULL},
        {"mqtt://a.example/", 7, false, "mqtt://a.example:7", NULL},
        {"mqtt://[::1]:99", 99, false, "mqtt://[::1]:99", NULL},
        {"mqtts://a", 0, false, "mqtts://a:8883", NULL},
        {"mqtts://a", 0, true, "mqtts://a:8883", NULL},
        {"mqtts://[::1]:8/", 0, false, "mqtts://[::1]:8", "mqtts://::1:8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mqtt_address address;
        struct error error;
        if (!mqtt_address_parse(cases[i].host, cases[i].port, cases[i].tls, &address, &error))
            fail_msg("'%s': %s", cases[i].host, error.text);
        assert_string_equal(address.uri, cases[i].uri);
        assert_string_equal(address.paho_uri, cases[i].paho_uri ? cases[i].paho_uri : cases[i].uri);
        assert_int_equal(address.tls, strncmp(cases[i].uri, "mqtts:", 6) == 0);
        assert_null(strpbrk(address.host, "[]"));
    }
}

static void refuses_what_contradicts_itself(void **state)
{
    static const struct {
        const char *host;
        int port;
        bool tls;
        const char *reason;
    } wrong[] = {
        {"", 0, false, "is empty"},
        {"mqtt://", 0, false, "is empty"},
        {"localhost:1883", 0, false, "has a port: use --port, or --host mqtt://localhost:1883"},
        {"[::1]:8883", 0, true, "has a port: use --port, or --host mqtts://[::1]:8883"},
        {"mqtt://a:1884", 1883, false, "two ports: 1884 in --host 'mqtt://a:1884' and 1883 in --port"},
        {"mqtt://a:0", 0, false, "'0' is not a port"},
        {"mqtt://a:65536", 0, false, "'65536' is not a port"},
        {"mqtt://a:", 0, false, "'' is not a port"},
        {"http://a", 0, false, "'http://' is neither mqtt:// nor mqtts://"},
        {"http://user:secret@a", 0, false, "'http://' is neither mqtt:// nor mqtts://"},
        {"ws://a:9001/mqtt", 0, false, "'ws://' is a websocket"},
        {"wss://user:secret@a/mqtt", 0, true,
         "use a TCP listener of the broker (mqtt://, or mqtts:// with TLS)"},
        {"s://a", 0, false, "'s://' is neither mqtt:// nor mqtts://"},
        {"mqtt://a", 0, true, "mqtt:// is without TLS, which another option asks for: use mqtts://"},
        {"mqtt://user:secret@a", 0, false, "--username and --password-file"},
        {"user:secret@a", 0, false, "--username and --password-file"},
        {"mqtt://a/topic", 0, false, "has no path: leave out '/topic'"},
        {"fe80::1%eth0", 0, false, "neither a name nor an IP address"},
        {"a:b:c", 0, false, "neither a name nor an IP address"},
        {"[::1", 0, false, "neither a name nor an IP address"},
        {"[::1]x", 0, false, "neither a name nor an IP address"},
        {"[a]", 0, false, "'a' is not an IPv6 address"},
        {"mqtt://::1", 0, false, "neither a name nor an IP address"},
        {"a b", 0, false, "not a host name"},
        {"a/b", 0, false, "not a host name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct mqtt_address address;
        struct error error = {""};
        if (mqtt_address_parse(wrong[i].host, wrong[i].port, wrong[i].tls, &address, &error))
            fail_msg("'%s' is accepted as %s", wrong[i].host, address.uri);
        assert_contains(error.text, wrong[i].reason);
        assert_null(strstr(error.text, "secret"));
    }
}

static void refuses_what_is_too_long(void **state)
{
    char host[1024] = "mqtt://";
    struct mqtt_address address;
    struct error error;
    (void)state;
    memset(host + 7, 'a', 300);
    assert_false(mqtt_address_parse(host, 0, false, &address, &error));
    assert_contains(error.text, "--host is too long: 300 characters");
    assert_false(mqtt_address_parse(host + 7, 0, false, &address, &error));
    assert_contains(error.text, "--host is too long: 300 characters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(refuses_what_contradicts_itself),
        cmocka_unit_test(refuses_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
