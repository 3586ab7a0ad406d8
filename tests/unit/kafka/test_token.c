#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"
#include "kafka/token_command.h"
#include "kafka/token_text.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- words ---- */

static void assert_words(const char *command, size_t count, const char *const *expected)
{
    struct error error;
    char **words = token_words(command, &error);
    assert_non_null(words);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(words[i], expected[i]);
    assert_null(words[count]);
    free(words);
}

static void test_words(void **state)
{
    static const char *const plain[] = {"az", "account", "get-access-token"};
    static const char *const quoted[] = {"a b", "c\\d", "e\"f", "", "g'h", "$HOME", "i j"};
    static const char *const letters[] = {"a", "b", "c", "d"};
    static const char *const wrong[] = {"", "  ", "a 'b", "a \"b", "''"};
    struct error error;
    (void)state;
    assert_words("  az account\tget-access-token \n", 3, plain);
    assert_words("'a b' 'c\\d' \"e\\\"f\" '' g\\'h $HOME i\\ j", 7, quoted);
    assert_words("a b c d", 4, letters);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null(token_words(wrong[i], &error));
}

/* ---- running ---- */

static char *run(const char *command, int64_t limit, struct error *error)
{
    char **words = token_words(command, error);
    assert_non_null(words);
    char *text = token_run(words, limit, NULL, error);
    free(words);
    return text;
}

static void test_run(void **state)
{
    struct error error;
    (void)state;
    char *text = run("printf %s%s a 'b c'", 10 * SECOND, &error);
    assert_string_equal(text, "ab c");
    token_free(text);
    text = run("cat", 10 * SECOND, &error); /* its input is empty */
    assert_null(text);
    assert_non_null(strstr(error.text, "printed nothing"));
}

static void test_what_fails(void **state)
{
    static const struct {
        const char *command, *reason;
    } wrong[] = {
        {"/nowhere/token", "cannot be started: No such file"}, {"sh -c 'echo secret; exit 3'", "status 3"},
        {"sh -c 'echo secret; kill -9 $$'", "signal 9"},       {"true", "printed nothing"},
        {"head -c 70000 /dev/zero", "more than 65536"},        {"head -c 10 /dev/zero", "a NUL"},
    };
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(run(wrong[i].command, 10 * SECOND, &error));
        assert_non_null(strstr(error.text, wrong[i].reason));
        assert_null(strstr(error.text, "secret"));
    }
}

/* Also where its output has ended, or where what it has started holds it open. */
static void test_what_hangs_is_killed(void **state)
{
    static const char *const hanging[] = {"sleep 60", "sh -c 'echo x; exec >&-; sleep 60'",
                                          "sh -c 'sleep 60 & echo x'"};
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof hanging / sizeof *hanging; i++) {
        int64_t begin = clock_monotonic();
        assert_null(run(hanging[i], 300 * MILLISECOND, &error));
        assert_non_null(strstr(error.text, "not ended in time"));
        assert_true(clock_monotonic() - begin < 20 * SECOND);
    }
}

static void *kill_soon(void *owner)
{
    const struct timespec step = {.tv_nsec = 100 * MILLISECOND};
    nanosleep(&step, NULL);
    token_kill(owner);
    return NULL;
}

static void test_its_owner_kills_it(void **state)
{
    char **words = token_words("sleep 60", NULL);
    pthread_t thread;
    struct error error;
    (void)state;
    pthread_create(&thread, NULL, kill_soon, words);
    assert_null(token_run(words, 60 * SECOND, words, &error));
    assert_non_null(strstr(error.text, "signal 9"));
    pthread_join(thread, NULL);
    free(words);
}

static const char *watched;
static bool left;
void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory)
{
    for (size_t i = 0; memory && memory == watched && i < 20; i++)
        left |= watched[i] != '\0';
    __real_free(memory);
}

/* Reading a token may put a NUL into it. */
static void test_all_of_it_is_overwritten(void **state)
{
    struct error error;
    (void)state;
    char *text = run("printf aaaaaaaaaaaaaaaaaaaaaaaaa", 10 * SECOND, &error);
    watched = text;
    text[3] = '\0';
    token_free(text);
    watched = NULL;
    assert_false(left);
}

/* ---- tokens ---- */

/* {"exp":1700000100,"sub":"me"}, {"exp":1700000100.5}, {"sub":"me"} */
#define JWT "eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAxMDAsInN1YiI6Im1lIn0.c2ln"
#define JWT_REAL "e30.eyJleHAiOjE3MDAwMDAxMDAuNX0.x"
#define JWT_ENDLESS "e30.eyJzdWIiOiJtZSJ9.x"

static const int64_t now = 1700000000000;

static void test_tokens(void **state)
{
    static const struct {
        const char *text, *value, *principal;
        int64_t lifetime;
    } right[] = {
        {JWT "\n", JWT, "me", 100000},
        {"  " JWT_REAL "\r\n", JWT_REAL, "", 100500},
        {"{\"access_token\": \"opaque\", \"expires_in\": 3600, \"token_type\": \"Bearer\"}\n", "opaque", "",
         3600000},
        {"{\"access_token\":\"o\",\"expires_in\":\"60\"}", "o", "", 60000},
        {"{\"access_token\":\"" JWT "\"}", JWT, "me", 100000},
        {"{\"access_token\":\"" JWT "\",\"expires_in\":5}", JWT, "", 5000},
    };
    struct error error;
    struct token token;
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        char *text = strdup(right[i].text);
        assert_true(token_read(text, now, &token, &error));
        assert_string_equal(token.value, right[i].value);
        assert_string_equal(token.principal, right[i].principal);
        assert_int_equal(token.expiry - now, right[i].lifetime);
        free(text);
    }
}

static void test_what_is_no_token(void **state)
{
    static const struct {
        const char *text, *reason;
    } wrong[] = {
        {"secret", "neither a JWT nor"},
        {"ya29.secret", "neither a JWT nor"},
        {"[\"secret\"]", "neither a JWT nor"},
        {"{\"access_token\": \"secret\"", "neither a JWT nor"},
        {"{\"token\":\"secret\"}", "no access_token"},
        {"{\"access_token\":1}", "no access_token"},
        {"{\"access_token\":\"secret\"}", "no expires_in"},
        {"{\"access_token\":\"secret\",\"expires_in\":0}", "expired already"},
        {"{\"access_token\":\"secret\",\"expires_in\":1e300}", "is none"},
        {JWT_ENDLESS, "does not say until when"},
        {"e30.secret.x", "does not say until when"},
        {"e30.e30=.x", "neither a JWT nor"},
    };
    struct error error;
    struct token token;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *text = strdup(wrong[i].text);
        assert_false(token_read(text, now, &token, &error));
        assert_non_null(strstr(error.text, wrong[i].reason));
        assert_null(strstr(error.text, "secret"));
        free(text);
    }
    char *text = strdup(JWT);
    assert_false(token_read(text, now + 100000, &token, &error));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_what_fails),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_what_is_no_token),
        cmocka_unit_test(test_what_hangs_is_killed),
        cmocka_unit_test(test_its_owner_kills_it),
        cmocka_unit_test(test_all_of_it_is_overwritten),
    };
    signal(SIGCHLD, SIG_IGN); /* as whoever starts a program may have it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
