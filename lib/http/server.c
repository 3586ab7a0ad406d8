#include "server.h"

#include "core/log.h"
#include "core/thread.h"
#include "events_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 16, SILENCE_SECONDS = 5, CONNECTION_MEMORY = 16 * 1024 };

/* What the kernel holds for a client of events that takes nothing. */
static const int stream_buffer = 128 * 1024;

enum { MISDIRECTED = 421 }; /* RFC 9110 section 15.5.20 */

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct http_server {
    struct http_address address;
    const struct text_list *names;
    http_handler *handler;
    void *context;
    struct http_events *events; /* NULL: none */
    struct MHD_Daemon *daemon;
    size_t places; /* for connections that are not streams */
    /* The server thread's: */
    size_t connection_count;
    struct MHD_Connection *connections[]; /* open, but for streams; the oldest first */
};

/* Connections in all: replaced ones remain for a moment, until libmicrohttpd notices. */
static size_t all_connections(size_t places)
{
    return 2 * places;
}

/* Queues the response, which may be NULL: then the connection is closed. */
static enum MHD_Result answer_with(struct MHD_Connection *connection, int status, const char *content_type,
                                   struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "Content-Security-Policy", policy);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static struct MHD_Response *constant_response(const void *bytes, size_t length)
{
    return MHD_create_response_from_buffer(length, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, int status, const char *text)
{
    return answer_with(connection, status, "text/plain; charset=utf-8",
                       constant_response(text, strlen(text)));
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static bool is_ip_address(const char *host)
{
    unsigned char ignored[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, ignored) == 1 || inet_pton(AF_INET6, host, ignored) == 1;
}

/* Does the server answer to this Host field: NAME or ADDRESS, [ADDRESS] for IPv6, and perhaps :PORT? */
static bool answers_to(const struct http_server *server, const char *field)
{
    char host[256];
    bool brackets = *field == '[';
    size_t length = strcspn(field + brackets, brackets ? "]" : ":");
    if (length >= sizeof host)
        return false;
    memcpy(host, field + brackets, length);
    host[length] = '\0';
    if (length > 0 && host[length - 1] == '.') /* a fully qualified name */
        host[length - 1] = '\0';
    bool known = is_ip_address(host) || strcasecmp(host, "localhost") == 0 ||
                 strcasecmp(host, server->address.host) == 0;
    for (size_t i = 0; !known && i < server->names->count; i++)
        known = strcasecmp(host, server->names->items[i]) == 0;
    return known;
}

static void give_place_away(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        shutdown(info->connect_fd, SHUT_RDWR);
}

static void forget(struct http_server *server, const struct MHD_Connection *connection)
{
    size_t kept = 0;
    for (size_t i = 0; i < server->connection_count; i++)
        if (server->connections[i] != connection)
            server->connections[kept++] = server->connections[i];
    server->connection_count = kept;
}

static enum MHD_Result answer_stream(struct http_server *server, struct MHD_Connection *connection,
                                     void **stream)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct MHD_Response *response = http_events_answer(server->events, connection);
    if (!response)
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many look at this now\n");
    if (info)
        setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &stream_buffer, sizeof stream_buffer);
    forget(server, connection);
    *stream = server->events;
    return answer_with(connection, MHD_HTTP_OK, "text/event-stream", response);
}

/* Has the handler answer. *stream is set when that is the stream of events. */
static enum MHD_Result answer_request(struct http_server *server, struct MHD_Connection *connection,
                                      const char *path, bool wants_body, void **stream)
{
    struct http_answer answer = {.status = MHD_HTTP_OK, .content_type = "text/plain; charset=utf-8"};
    struct MHD_Response *response;
    char *body = NULL;
    size_t length = 0;
    answer.body = open_memstream(&body, &length);
    if (!answer.body)
        return MHD_NO;
    server->handler(server->context, path, &answer);
    bool written = fclose(answer.body) == 0;
    if (written && answer.status != MHD_HTTP_NOT_FOUND && !answer.constant && !answer.events) {
        response = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE);
        if (!response)
            free(body);
        return answer_with(connection, answer.status, answer.content_type, response);
    }
    free(body);
    if (!written)
        return MHD_NO;
    if (answer.status == MHD_HTTP_NOT_FOUND)
        return answer_text(connection, MHD_HTTP_NOT_FOUND, "there is nothing here\n");
    if (answer.events && wants_body)
        return answer_stream(server, connection, stream);
    return answer_with(connection, answer.status, answer.content_type,
                       constant_response(answer.constant, answer.constant_length));
}

/* Called when the headers have arrived; what is queued then is the answer. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **stream)
{
    struct http_server *server = context;
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    (void)version;
    (void)upload;
    (void)upload_size;
    if (host && !answers_to(server, host))
        return answer_text(
            connection, MISDIRECTED,
            "this server answers to IP addresses, to localhost and to the names of --http-host: add the one that was asked for with --http-host NAME\n");
    if (!get && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served\n");
    if (has_body(connection))
        return answer_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "a request must not have a body here\n");
    return answer_request(server, connection, url, get, stream);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **stream,
                         enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    if (*stream && code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
        http_events_count_silent(*stream);
}

/* A connection was opened or closed. The oldest are replaced when there are too many. */
static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = context;
    (void)socket_context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        forget(server, connection);
        return;
    }
    server->connections[server->connection_count++] = connection;
    if (server->connection_count > server->places)
        give_place_away(server->connections[server->connection_count - server->places - 1]);
}

static void on_log(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void on_log(void *context, const char *format, va_list arguments)
{
    char text[512];
    (void)context;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_debug(libmicrohttpd, "libmicrohttpd: %s", text);
}

/* So many that connect at once need not wait until a dropped request to connect is repeated. */
static int listen_at(const struct addrinfo *where, size_t backlog)
{
    const int one = 1;
    int fd = socket(where->ai_family, where->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, where->ai_protocol);
    if (fd < 0)
        return -1;
    /* Listen even if an earlier process left connections in TIME_WAIT. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, (int)backlog) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool learn_port(int fd, struct http_address *address)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &length) < 0)
        return false;
    address->port = ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                                     : ((struct sockaddr_in *)&name)->sin_port);
    return true;
}

/* A listening socket, or -1 with *error; the address then has its port. */
static int open_socket(struct http_address *address, size_t backlog, struct error *error)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    char text[HTTP_ADDRESS_SIZE], port[16];
    http_address_format(address, text);
    snprintf(port, sizeof port, "%d", address->port);
    int rc = getaddrinfo(address->host, port, &wanted, &found);
    if (rc != 0) {
        error_set(error, "cannot serve HTTP at %s: %s", text, gai_strerror(rc));
        return -1;
    }
    int fd = listen_at(found, backlog);
    if (fd >= 0 && !learn_port(fd, address)) {
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        error_set(error, "cannot serve HTTP at %s: %s", text, strerror(errno));
    freeaddrinfo(found);
    return fd;
}

static struct MHD_Daemon *start(struct http_server *server, int fd)
{
    sigset_t before;
    thread_block_signals(&before);
    const unsigned limit = (unsigned)all_connections(server->places);
    const unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_Daemon *daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
                         MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, limit,
                         MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
                         on_completed, NULL, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_SECONDS,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    thread_restore_signals(&before);
    return daemon;
}

struct http_server *http_server_open(const struct http_address *address, const struct text_list *names,
                                     http_handler *handler, void *context, struct error *error)
{
    struct http_server *server = http_server_open_with_events(address, names, handler, context, NULL, error);
    char text[HTTP_ADDRESS_SIZE];
    if (!server)
        return NULL;
    http_address_format(http_server_address(server), text);
    log_info_with(http_listening, LOG_FIELDS(LOG_TEXT("address", text)), "serving HTTP at http://%s/", text);
    return server;
}

struct http_server *http_server_open_with_events(const struct http_address *address,
                                                 const struct text_list *names, http_handler *handler,
                                                 void *context, struct http_events *events,
                                                 struct error *error)
{
    /* Clients of events come all at once after a restart, and each is a plain connection at first. */
    size_t places = CONNECTIONS + (events ? http_events_limit(events) : 0);
    struct http_server *server = calloc(1, sizeof *server + all_connections(places) * sizeof(void *));
    if (!server) {
        error_set(error, "out of memory");
        return NULL;
    }
    *server = (struct http_server){.address = *address,
                                   .names = names,
                                   .handler = handler,
                                   .context = context,
                                   .events = events,
                                   .places = places};
    int fd = open_socket(&server->address, places, error);
    if (fd >= 0) {
        server->daemon = start(server, fd);
        if (server->daemon)
            return server;
        error_set(error, "cannot start the HTTP server: %s", strerror(errno));
        close(fd);
    }
    free(server);
    return NULL;
}

const struct http_address *http_server_address(const struct http_server *server)
{
    return &server->address;
}

void http_server_close(struct http_server *server)
{
    if (!server)
        return;
    if (server->events)
        http_events_end(server->events);
    MHD_stop_daemon(server->daemon);
    free(server);
}
