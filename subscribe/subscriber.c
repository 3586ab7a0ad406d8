#include "subscriber.h"

#include "clock.h"
#include "log.h"
#include "mqtt.h"
#include "mqtt_topic.h"
#include "output.h"
#include "stop.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1024 * 1024 };

/* After a signal: how long a reader that is slow may still take, and the broker for a goodbye. */
static const int64_t flush_time = 5 * SECOND, goodbye_time = 2 * SECOND;

struct subscriber {
    const struct subscribe_settings *settings;
    struct output *output;
    atomic_int_least64_t printed; /* messages */
    atomic_bool failed;
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

static void on_message(void *context, const struct mqtt_message *message)
{
    struct subscriber *s = context;
    const struct subscribe_settings *settings = s->settings;
    if (settings->retained_only && !message->retained) {
        output_finish(s->output);
        return;
    }
    if (!is_wanted(s, message) || !output_begin(s->output))
        return;
    format_print(settings->format, message, clock_realtime(), write_output, s->output);
    if (!settings->no_newline)
        output_write(s->output, "\n", 1);
    output_end(s->output);
    if (atomic_fetch_add(&s->printed, 1) + 1 == settings->count)
        output_finish(s->output);
}

static void on_subscribed(void *context)
{
    struct subscriber *s = context;
    if (s->settings->subscribe_only)
        output_finish(s->output);
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
    log_error("the reader of standard output did not take everything within %d s: the rest is lost",
              (int)(flush_time / SECOND));
}

/* Writes what comes until the end, and then what has come. Returns the exit status. */
static int relay(struct subscriber *s)
{
    const struct subscribe_settings *settings = s->settings;
    struct error error;
    int64_t deadline = settings->timeout ? clock_monotonic() + settings->timeout : 0;
    enum output_result result = output_relay(s->output, stop_fd(), deadline, &error);
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
        log_error("%s", error.text);
    else if (result == OUTPUT_TIMED_OUT)
        log_unwritten();
    if (result == OUTPUT_FAILED || result == OUTPUT_TIMED_OUT || atomic_load(&s->failed))
        return EXIT_FAILED;
    if (!timed_out || result == OUTPUT_CLOSED)
        return EXIT_DONE;
    log_info("timed out after %" PRIdLEAST64 " messages", atomic_load(&s->printed));
    return EXIT_TIMED_OUT;
}

int subscriber_run(const char *name, const struct subscribe_settings *settings)
{
    static struct subscriber subscriber; /* static: outlives a connection that does not let go */
    struct subscriber *s = &subscriber;
    const struct mqtt_session session = {
        .filters = (const char *const *)settings->filters.items,
        .filter_count = settings->filters.count,
        .qos = (int)settings->qos,
        .clean_start = true,
    };
    const struct mqtt_callbacks callbacks = {
        .context = s,
        .message = on_message,
        .subscribed = on_subscribed,
        .failed = on_failed,
    };
    struct error error;
    int status = EXIT_FAILED;
    s->settings = settings;
    s->output = output_open(STDOUT_FILENO, BUFFER_BYTES, &error);
    struct mqtt_connection *connection =
        s->output ? mqtt_open(name, &settings->mqtt, &session, &callbacks, &error) : NULL;
    if (!connection) {
        log_error("%s", error.text);
        output_close(s->output);
        return status;
    }
    status = relay(s);
    output_abort(s->output);
    if (mqtt_close(connection, true, goodbye_time))
        output_close(s->output);
    return status;
}
