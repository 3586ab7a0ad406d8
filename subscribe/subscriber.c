#include "subscriber.h"

#include "core/clock.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "core/stop.h"
#include "core/waiting.h"
#include "json_indent.h"
#include "message_json.h"
#include "mqtt/mqtt.h"
#include "mqtt/topic.h"
#include "output.h"
#include "statistics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1024 * 1024, RUNNING = -1 };

/* After a signal: how long a reader that is slow may still take, and the broker for DISCONNECT. */
static const int64_t flush_time = 5 * SECOND, disconnect_time = 2 * SECOND;

struct subscriber {
    const struct subscribe_settings *settings;
    struct output *output;
    struct statistics *statistics; /* NULL: not asked for */
    bool leaves_messages;          /* what is not acknowledged goes to someone later */
    atomic_int_least64_t printed;  /* messages */
    atomic_bool failed;
    atomic_bool holds;      /* a message that will not be acknowledged */
    atomic_int exit_status; /* set when nothing but the connection is to be closed; RUNNING before */
};

/* ---- on the connection's threads ---- */

static bool is_wanted(const struct subscriber *s, const struct mqtt_message *message)
{
    const struct text_list *out = &s->settings->filters_out;
    if (s->settings->no_retained && message->retained)
        return false;
    for (size_t i = 0; i < out->count; i++)
        if (mqtt_filter_matches(out->items[i], message->topic))
            return false;
    return true;
}

static void write_output(void *output, const void *data, size_t length)
{
    output_write(output, data, length);
}

static void print(struct subscriber *s, const struct mqtt_message *message)
{
    const struct subscribe_settings *settings = s->settings;
    int64_t now = clock_realtime();
    struct json_indent indent = {.write = write_output, .context = s->output};
    if (settings->json && settings->pretty)
        message_json_print(message, now, json_indent, &indent);
    else if (settings->json)
        message_json_print(message, now, write_output, s->output);
    else if (message->payload_length == 0 && settings->plain) {
        if (!settings->verbose || settings->no_newline)
            return; /* as mosquitto_sub: not even a newline */
        output_write(s->output, message->topic, message->topic_length);
        output_write(s->output, " (null)", strlen(" (null)"));
    } else
        format_print(settings->format, message, now, write_output, s->output);
    if (!settings->no_newline)
        output_write(s->output, "\n", 1);
}

/* A message that came after the end. To return would acknowledge it, so that a session that is kept, or the
 * other members of a shared subscription, would never get it: this thread waits for the end of the process,
 * or is that. */
static void leave(struct subscriber *s, const struct mqtt_message *message)
{
    if (!s->leaves_messages || message->qos == 0)
        return;
    atomic_store(&s->holds, true);
    int status = atomic_load(&s->exit_status);
    if (status != RUNNING) /* the main thread may be closing the connection, and would wait for this one */
        _exit(status);
    for (;;)
        pause();
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct subscriber *s = context;
    const struct subscribe_settings *settings = s->settings;
    if (settings->retained_only && !message->retained)
        output_finish(s->output);
    else if (!is_wanted(s, message))
        return;
    if (!output_begin(s->output)) {
        leave(s, message);
        return;
    }
    if (settings->print)
        print(s, message);
    output_end(s->output);
    if (s->statistics)
        statistics_add(s->statistics, message);
    if (atomic_fetch_add(&s->printed, 1) + 1 == settings->count)
        output_finish(s->output);
}

static void on_subscribed(void *context)
{
    struct subscriber *s = context;
    if (s->settings->subscribe_only)
        output_finish(s->output);
    else if (!s->settings->quiet)
        waiting_tell(&s->settings->filters);
}

static void on_failed(void *context, const char *message)
{
    struct subscriber *s = context;
    (void)message; /* the connection has logged it */
    atomic_store(&s->failed, true);
    output_finish(s->output);
}

/* ---- on the main thread ---- */

static void log_unwritten(void)
{
    log_error(output_stuck,
              "the reader of standard output did not take everything within %d s: the rest is lost",
              (int)(flush_time / SECOND));
}

/* Writes what comes until the end, with a line of statistics a second. */
static enum output_result relay_all(struct subscriber *s, int64_t deadline, struct error *error)
{
    int64_t line_due = s->statistics ? clock_monotonic() + SECOND : 0;
    for (;;) {
        bool line_first = line_due && (!deadline || line_due < deadline);
        enum output_result result =
            output_relay(s->output, stop_fd(), line_first ? line_due : deadline, error);
        if (result != OUTPUT_TIMED_OUT || !line_first)
            return result;
        statistics_log(s->statistics);
        line_due =
            clock_monotonic() + SECOND; /* from now: after a pause of the process no lines are due for it */
    }
}

/* Writes what comes until the end, and then what has come. Returns the exit status. */
static int relay(struct subscriber *s)
{
    const struct subscribe_settings *settings = s->settings;
    struct error error;
    int64_t deadline = settings->timeout ? clock_monotonic() + settings->timeout : 0;
    enum output_result result = relay_all(s, deadline, &error);
    bool timed_out = result == OUTPUT_TIMED_OUT;
    if (timed_out) {
        output_finish(s->output);
        result = output_relay(s->output, stop_fd(), 0, &error);
    }
    if (result == OUTPUT_STOPPED) {
        output_finish(s->output);
        result = output_relay(s->output, -1, clock_monotonic() + flush_time, &error);
    }
    if (result == OUTPUT_FAILED)
        log_error(output_failed, "%s", error.text);
    else if (result == OUTPUT_TIMED_OUT)
        log_unwritten();
    if (result == OUTPUT_FAILED || result == OUTPUT_TIMED_OUT || atomic_load(&s->failed))
        return EXIT_FAILED;
    if (!timed_out || result == OUTPUT_CLOSED)
        return EXIT_DONE;
    log_info_with(timed_out, LOG_FIELDS(LOG_NUMBER("messages", atomic_load(&s->printed))),
                  "timed out after %" PRIdLEAST64 " messages", atomic_load(&s->printed));
    return EXIT_TIMED_OUT;
}

/* How long the broker keeps the session of a client that is away, in seconds. */
static uint32_t session_expiry(const struct subscribe_settings *settings)
{
    const uint32_t for_ever = UINT32_MAX; /* MQTT 5 section 3.1.2.11.2 */
    if (options_given("session-expiry"))
        return (uint32_t)(settings->session_expiry / SECOND);
    return settings->keep_session ? for_ever : 0;
}

static bool shares(const struct text_list *filters)
{
    for (size_t i = 0; i < filters->count; i++)
        if (mqtt_filter_is_shared(filters->items[i]))
            return true;
    return false;
}

/* Relays the messages of a connection from its beginning to its end. Returns the exit status. */
static int run(struct subscriber *s, const char *name, const struct mqtt_session *session, bool keeps_session)
{
    const struct mqtt_callbacks callbacks = {
        .context = s,
        .message = on_message,
        .subscribed = on_subscribed,
        .failed = on_failed,
    };
    struct error error;
    struct mqtt_connection *connection = mqtt_open(name, &s->settings->mqtt, session, &callbacks, &error);
    if (!connection) {
        log_error(start_failed, "%s", error.text);
        return EXIT_FAILED;
    }
    int status = relay(s);
    if (s->statistics)
        statistics_log_total(s->statistics);
    output_abort(s->output);
    atomic_store(&s->exit_status, status);
    /* If a thread never returns, the library cannot end, and exit handlers would free what it still uses. */
    if (atomic_load(&s->holds) || !mqtt_close(connection, !keeps_session, disconnect_time))
        _exit(status);
    output_close(s->output);
    statistics_free(s->statistics);
    return status;
}

int subscriber_run(const char *name, const struct subscribe_settings *settings)
{
    static struct subscriber subscriber; /* static: outlives a connection that does not end */
    struct subscriber *s = &subscriber;
    struct mqtt_session session = {
        .filters = (const char *const *)settings->filters.items,
        .filter_count = settings->filters.count,
        .unsubscribe = (const char *const *)settings->unsubscribe.items,
        .unsubscribe_count = settings->unsubscribe.count,
        .qos = (int)settings->qos,
        .clean_start = !settings->keep_session,
        .session_expiry = session_expiry(settings),
    };
    /* Nobody can come back to one whose id was made up. */
    bool keeps_session = session.session_expiry > 0 && settings->mqtt.client_id;
    /* So that the broker sends the message after the last one, which is left to it, only when it has the
     * acknowledgement of that: closing a connection with something unread can discard what was sent. */
    if (keeps_session && settings->count)
        session.receive_maximum = 1;
    struct error error;
    s->settings = settings;
    atomic_store(&s->exit_status, RUNNING);
    s->leaves_messages = keeps_session || shares(&settings->filters);
    s->output = output_open(STDOUT_FILENO, BUFFER_BYTES, &error);
    if (!s->output) {
        log_error(start_failed, "%s", error.text);
        return EXIT_FAILED;
    }
    if (settings->stats && !(s->statistics = statistics_new())) {
        log_error(start_failed, "out of memory");
        return EXIT_FAILED;
    }
    return run(s, name, &session, keeps_session);
}
