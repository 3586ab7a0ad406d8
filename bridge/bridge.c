#include "bridge.h"

#include "carried.h"

#include "bridge/in/receiver.h"
#include "bridge/out/forwarder.h"
#include "bridge/seen/server.h"
#include "bridge/seen/supervision.h"
#include "bridge/seen/watchdog.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/state_folder.h"
#include "core/stop.h"
#include "kafka/dead_letter_topic.h"
#include "spool/dead_letters.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

struct bridge {
    struct bridge_settings *settings;
    const char *name; /* the program's */
    struct spool *spool;
    int carried; /* see carried.h */
    struct dead_letters *letters;
    struct dead_letter_topic *announcer; /* NULL: dead letters are announced nowhere */
    struct forwarder *forwarder;
    struct receiver *receiver;
    struct counters counters;
    struct server *server; /* NULL: HTTP is off */
    struct watchdog watchdog;
    struct supervision supervision;
};

static bool open_spool(struct bridge *b, struct error *error)
{
    const struct spool_settings spool = bridge_spool_settings(b->settings);
    struct error reason;
    if (!make_folders(spool.directory, &reason))
        return error_set(error, "%s: choose another with --spool", reason.text);
    b->spool = spool_open(&spool, error);
    if (b->spool)
        b->letters = dead_letters_open(b->settings->spool_directory, false, error);
    return b->letters != NULL;
}

/* The session belongs to the spool: what the broker has seen acknowledged is in this spool and no other. So
 * the default client id comes from the spool's uuid. */
void bridge_choose_client_id(struct bridge_settings *settings, const char *name, const struct spool *spool)
{
    static char client_id[80];
    snprintf(client_id, sizeof client_id, "%.60s-%.8s", name, spool_uuid(spool));
    if (!settings->mqtt.client_id)
        settings->mqtt.client_id = client_id;
}

/* Last, since it shows all the others. */
static bool open_server(struct bridge *b, struct error *error)
{
    const struct snapshot_sources sources = {
        .settings = b->settings,
        .spool = b->spool,
        .letters = b->letters,
        .announcer = b->announcer,
        .receiver = b->receiver,
        .counters = &b->counters,
        .watchdog = &b->watchdog,
        .started = clock_monotonic(),
    };
    if (b->settings->http.at)
        b->server = server_open(&sources, error);
    if (b->settings->http.at && !b->server && !options_given("http")) {
        log_warning(http_unavailable,
                    "%s: nobody can ask this bridge how it is (--http '' if none is wanted)", error->text);
        return true;
    }
    return !b->settings->http.at || b->server;
}

static bool open_announcer(struct bridge *b, struct error *error)
{
    const struct bridge_settings *settings = b->settings;
    if (!settings->dead_letter_topic)
        return true;
    b->announcer = dead_letter_topic_open(&settings->kafka, settings->dead_letter_topic, &settings->new_topic,
                                          settings->name, error);
    if (b->announcer)
        dead_letters_watch(b->letters, dead_letter_topic_announce, b->announcer);
    return b->announcer != NULL;
}

static bool open_all(struct bridge *b, struct error *error)
{
    if (!open_spool(b, error) || !open_announcer(b, error))
        return false;
    bridge_choose_client_id(b->settings, b->name, b->spool);
    carried_describe(b->settings);
    b->forwarder = forwarder_open(b->settings, b->spool, b->letters, &b->counters, error);
    if (b->forwarder)
        b->receiver = receiver_open(b->settings, b->name, b->spool, &b->counters, error);
    if (b->receiver)
        watchdog_begin(&b->watchdog, b->forwarder, b->receiver);
    if (!b->receiver || !open_server(b, error))
        return false;
    b->carried = carried_open(b->settings, spool_uuid(b->spool));
    return true;
}

/* The event is "started" or "stopped". */
static void log_state(const struct bridge *b, const char *event)
{
    struct spool_stats stats;
    spool_get_stats(b->spool, &stats);
    const struct log_field *fields =
        LOG_FIELDS(LOG_NUMBER("received", stats.received), LOG_NUMBER("delivered", stats.delivered),
                   LOG_NUMBER("spooled", stats.spooled), LOG_NUMBER("dead_letters", stats.dead),
                   LOG_TEXT("spool", b->settings->spool_directory));
    log_write(LOG_LEVEL_INFO, event, fields,
              "%s: received %" PRIu64 " = delivered %" PRIu64 " + spooled %" PRIu64 " + dead letters %" PRIu64
              ", in the life of the spool %s",
              event, stats.received, stats.delivered, stats.spooled, stats.dead,
              b->settings->spool_directory);
}

static void wait_and_regulate(struct bridge *b)
{
    struct pollfd wait[] = {{.fd = stop_fd(), .events = POLLIN},
                            {.fd = receiver_fd(b->receiver), .events = POLLIN}};
    while (!stop_requested() && !receiver_failed(b->receiver)) {
        poll(wait, 2, 1000);
        receiver_regulate(b->receiver);
        watchdog_look(&b->watchdog);
        supervision_tick(&b->supervision, &b->watchdog);
        server_tick(b->server);
    }
}

/* Receiver first, so that nothing new arrives; then the forwarder delivers what it can. */
static void close_all(struct bridge *b, int status)
{
    server_stopping(b->server);
    bool receiver_closed = !b->receiver || receiver_close(b->receiver);
    if (b->forwarder)
        forwarder_stop(b->forwarder, b->receiver ? b->settings->drain_timeout : 0);
    if (b->spool && b->letters)
        log_state(b, LOG_EVENT(stopped));
    if (!receiver_closed) {
        /* Its threads may still use everything. */
        log_warning(mqtt_library_stuck,
                    "the MQTT library did not stop in time; the broker redelivers what is not acknowledged");
        spool_save(b->spool);
        _exit(status);
    }
    server_close(b->server);
    if (b->forwarder)
        forwarder_close(b->forwarder);
    if (b->letters)
        dead_letters_close(b->letters);
    dead_letter_topic_close(b->announcer);
    carried_close(b->carried);
    spool_close(b->spool);
    counters_free(&b->counters);
}

int bridge_run(struct bridge_settings *settings, const char *name)
{
    struct bridge b = {.settings = settings, .name = name, .carried = -1};
    struct error error;
    int status = EXIT_DONE;
    counters_init(&b.counters);
    if (open_all(&b, &error)) {
        log_state(&b, LOG_EVENT(started));
        supervision_begin(&b.supervision, b.receiver, b.spool);
        wait_and_regulate(&b);
        supervision_end(&b.supervision, settings->drain_timeout);
        if (receiver_failed(b.receiver) || forwarder_failed(b.forwarder))
            status = EXIT_FAILED;
    } else {
        log_error(start_failed, "%s", error.text);
        /* The forwarder refuses a Kafka property, unless memory or threads are lacking: starting again would
         * not help. */
        bool lack = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
        status = b.letters && !b.forwarder && !lack ? EXIT_WRONG_USE : EXIT_FAILED;
    }
    close_all(&b, status);
    return status;
}
