/* The stream of events, with clients that read, stall and leave. */
#include "core_fixture.h"

#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { CLIENTS = 3, LARGE = 8 * 1024, ROOM = 4096, SECONDS = 20 };

static const char state_text[] = "data: the state\n\n";

struct fixture {
    struct http_events *events;
    struct http_server *server;
};

static void write_state(void *context, FILE *out)
{
    (void)context;
    fputs(state_text, out);
}

static void answer(void *context, const char *path, struct http_answer *to)
{
    (void)context;
    to->events = strcmp(path, "/events") == 0;
}

static int set_up(void **state)
{
    static const struct text_list no_names;
    static struct fixture fixture;
    const struct http_address address = {.host = "127.0.0.1"};
    struct error error;
    fixture.events = http_events_new(CLIENTS, write_state, NULL, &error);
    assert_non_null(fixture.events);
    fixture.server = http_server_open_with_events(&address, &no_names, answer, NULL, fixture.events, &error);
    assert_non_null(fixture.server);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    http_server_close(fixture->server);
    http_events_free(fixture->events);
    return 0;
}

/* HTTP/1.0: what comes is the stream as it is, until the connection is closed. */
static int ask(const struct fixture *fixture, const char *path)
{
    const int room = ROOM;
    const struct timeval limit = {SECONDS, 0};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port =
                                            htons((uint16_t)http_server_address(fixture->server)->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", path);
    assert_int_equal(send(fd, request, (size_t)length, MSG_NOSIGNAL), length);
    return fd;
}

/* Reads up to the end of text. */
static void expect(int fd, const char *text)
{
    size_t matched = 0;
    char byte;
    while (text[matched]) {
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        matched = byte == text[matched] ? matched + 1 : byte == *text;
    }
}

/* Reads until the server closes the connection; returns how many bytes came. */
static size_t read_to_end(int fd)
{
    static char buffer[LARGE];
    size_t all = 0;
    ssize_t length;
    while ((length = recv(fd, buffer, sizeof buffer, 0)) > 0)
        all += (size_t)length;
    assert_true(length == 0 || errno == ECONNRESET);
    return all;
}

static int follow(const struct fixture *fixture)
{
    int fd = ask(fixture, "/events");
    expect(fd, state_text);
    return fd;
}

static void publish(const struct fixture *fixture, const char *text)
{
    http_events_publish(fixture->events, text, strlen(text));
}

/* That one has gone is seen when something is sent. */
static void wait_for_clients(const struct fixture *fixture, size_t count)
{
    for (int i = 0; i < SECONDS * 100 && http_events_counts(fixture->events).clients != count; i++) {
        publish(fixture, "data: x\n\n");
        poll(NULL, 0, 10);
    }
    assert_int_equal(http_events_counts(fixture->events).clients, count);
}

static void all_get_the_state_and_what_follows(void **state)
{
    const struct fixture *fixture = *state;
    publish(fixture, "data: before\n\n"); /* the state has it */
    int first = follow(fixture), second = follow(fixture);
    publish(fixture, "data: 1\n\n");
    publish(fixture, "");
    publish(fixture, "data: 2\n\n");
    expect(first, "data: 1\n\ndata: 2\n\n");
    expect(second, "data: 1\n\ndata: 2\n\n");
    close(first);
    close(second);
}

static void one_too_many_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    int clients[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = follow(fixture);
    int another = ask(fixture, "/events");
    expect(another, " 503 ");
    close(another);
    struct http_events_counts counts = http_events_counts(fixture->events);
    assert_int_equal(counts.clients, CLIENTS);
    assert_int_equal(counts.served, CLIENTS);
    assert_int_equal(counts.refused, 1);
    close(clients[0]);
    wait_for_clients(fixture, CLIENTS - 1);
    another = follow(fixture);
    publish(fixture, "data: 3\n\n");
    expect(another, "data: 3\n\n");
    for (size_t i = 1; i < CLIENTS; i++)
        close(clients[i]);
    close(another);
}

/* It reads nothing while more is published than is kept; another client gets all of it. */
static void one_that_falls_behind_is_cut_off(void **state)
{
    const struct fixture *fixture = *state;
    static char large[LARGE + 1];
    char mark[32];
    int slow = follow(fixture), quick = follow(fixture);
    memset(large, 'x', LARGE);
    for (int i = 0; i < 3 * EVENTS_KEPT; i++) {
        snprintf(mark, sizeof mark, "data: %d\n\n", i);
        publish(fixture, large);
        publish(fixture, mark);
        expect(quick, mark);
    }
    size_t got = read_to_end(slow);
    assert_true(got > 0 && got < (size_t)3 * EVENTS_KEPT * LARGE);
    wait_for_clients(fixture, 1);
    publish(fixture, "data: last\n\n");
    expect(quick, "data: last\n\n");
    close(slow);
    close(quick);
}

/* It does not fall behind, but its buffers are full. */
static void one_that_takes_nothing_is_cut_off_and_counted(void **state)
{
    const struct fixture *fixture = *state;
    static char large[LARGE + 1];
    int slow = follow(fixture);
    memset(large, 'x', LARGE);
    for (int i = 0; i < EVENTS_KEPT; i++)
        publish(fixture, large);
    struct http_events_counts counts = http_events_counts(fixture->events);
    for (int i = 0; i < SECONDS * 100 && counts.clients > 0; i++) {
        assert_int_equal(counts.cut_off, 0);
        poll(NULL, 0, 10);
        counts = http_events_counts(fixture->events);
    }
    assert_int_equal(counts.clients, 0);
    assert_int_equal(counts.cut_off, 1);
    close(slow);
}

static void one_that_comes_back_begins_with_the_state(void **state)
{
    const struct fixture *fixture = *state;
    int client = follow(fixture);
    for (int i = 0; i < 3 * EVENTS_KEPT; i++)
        publish(fixture, "data: missed\n\n");
    close(client);
    int again = follow(fixture);
    publish(fixture, "data: now\n\n");
    expect(again, "data: now\n\n");
    close(again);
}

static void the_end_of_the_server_ends_the_streams(void **state)
{
    struct fixture *fixture = *state;
    int idle = follow(fixture), client = follow(fixture);
    publish(fixture, "data: 1\n\n");
    expect(client, "data: 1\n\n");
    http_server_close(fixture->server);
    fixture->server = NULL;
    read_to_end(idle);
    assert_int_equal(read_to_end(client), 0);
    assert_int_equal(http_events_counts(fixture->events).clients, 0);
    publish(fixture, "data: nobody\n\n");
    close(idle);
    close(client);
}

static void *publish_many(void *context)
{
    for (int i = 0; i < 2000; i++)
        publish(context, "data: x\n\n");
    return NULL;
}

/* While two threads publish; ThreadSanitizer looks on (preset tsan). */
static void clients_come_and_go_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, publish_many, fixture), 0);
    for (int i = 0; i < 50; i++) {
        int client = ask(fixture, "/events");
        expect(client, "HTTP/1"); /* served, or refused while the last ones still count as connected */
        close(client);
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    wait_for_clients(fixture, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_get_the_state_and_what_follows),
        TEST(one_too_many_is_refused),
        TEST(one_that_falls_behind_is_cut_off),
        TEST(one_that_takes_nothing_is_cut_off_and_counted),
        TEST(one_that_comes_back_begins_with_the_state),
        TEST(the_end_of_the_server_ends_the_streams),
        TEST(clients_come_and_go_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
