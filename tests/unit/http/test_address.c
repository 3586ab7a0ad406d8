/* Addresses of HTTP servers. */
#include "core_fixture.h"

#include "http/address.h"

static void reads_every_form(void **state)
{
    static const struct {
        const char *text, *host;
        int port;
        const char *written;
    } forms[] = {
        {"9751", "127.0.0.1", 9751, "127.0.0.1:9751"},
        {"0", "127.0.0.1", 0, "127.0.0.1:0"},
        {":80", "127.0.0.1", 80, "127.0.0.1:80"},
        {"0.0.0.0:9751", "0.0.0.0", 9751, "0.0.0.0:9751"},
        {"gateway.example:1", "gateway.example", 1, "gateway.example:1"},
        {"[::1]:65535", "::1", 65535, "[::1]:65535"},
        {"[fe80::1%eth0]:80", "fe80::1%eth0", 80, "[fe80::1%eth0]:80"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct http_address address;
        struct error error;
        char text[HTTP_ADDRESS_SIZE];
        if (!http_address_parse(forms[i].text, &address, &error))
            fail_msg("%s", error.text);
        assert_string_equal(address.host, forms[i].host);
        assert_int_equal(address.port, forms[i].port);
        http_address_format(&address, text);
        assert_string_equal(text, forms[i].written);
    }
}

static void refuses_the_rest(void **state)
{
    static const char *const wrong[] = {"",           "host",   "host:",   "host:x",  "host:-1",
                                        "host:65536", "::1:80", "[::1]",   "[::1]80", "[::1:80",
                                        "::1]:80",    "[]:80",  "a[b]:80", "80 "};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct http_address address;
        struct error error;
        if (http_address_parse(wrong[i], &address, &error))
            fail_msg("'%s' is taken for %s port %d", wrong[i], address.host, address.port);
        assert_non_null(strstr(error.text, wrong[i]));
    }
    char longest[400];
    struct http_address address;
    struct error error;
    memset(longest, 'h', sizeof longest);
    strcpy(longest + sizeof longest - 4, ":80");
    assert_false(http_address_parse(longest, &address, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(refuses_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
