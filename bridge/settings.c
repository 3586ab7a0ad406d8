#include "settings.h"

#include "core/out_of_memory.h"
#include "kafka/topic.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const deliveries[] = {"at-least-once", "exactly-once", NULL};
static const char *const actions[] = {"none", "list", "export", "retry", "drop", NULL};
static const char *const keys[] = {"property", "topic", "none", NULL};
static const char *const syncs[] = {"none", "interval", "always", NULL};

#define AT(field) .offset = offsetof(struct bridge_settings, field)

static const struct option_spec topic_specs[] = {
    {.name = "topic",
     .letter = 't',
     .kind = OPTION_TEXT,
     .argument = "FILTER",
     AT(filter),
     .help = "MQTT topic or topic filter to carry"},
    {.name = "share",
     .kind = OPTION_TEXT,
     .argument = "GROUP",
     AT(share),
     .help = "carry it together with the other bridges of this group, each with an id and a spool of its "
             "own: the broker gives each message to one of them, so their order is lost"},
    {.name = "qos",
     .letter = 'q',
     .kind = OPTION_INTEGER,
     .argument = "0|1|2",
     .fallback = "-1",
     .minimum = -1,
     .maximum = 2,
     AT(qos),
     .help =
         "QoS of the subscription; -1 is what the delivery needs: 1, or 2 for exactly-once. At 0 the broker "
         "itself may lose messages"},
    {.name = "session-expiry",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "365d",
     .minimum = 60,
     .maximum = 4294967295,
     AT(session_expiry),
     .help = "how long the broker keeps messages for a bridge that is away (MQTT 5)"},
    {.name = "receive-maximum",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 65535,
     AT(receive_maximum),
     .help = "most messages the broker may send ahead of acknowledgements (MQTT 5); 0 is what suits the "
             "delivery: 1000, or 20 for exactly-once"},
    {.name = "message-max",
     .kind = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "0",
     .minimum = 0,
     .maximum = 268435460,
     AT(message_max),
     .help = "largest message that is taken, in bytes of its MQTT packet; of a larger one the beginning and "
             "the size become a dead letter. 0 is 4M, or a quarter of --spool-max if that is less; more than "
             "that quarter is not possible"},
    {.name = "kafka-topic",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     AT(kafka_topic),
     .help = "Kafka topic to write to; without it, the MQTT topic's name. Created if missing"},
    {.name = "kafka-key",
     .kind = OPTION_CHOICE,
     .argument = "KEY",
     .choices = keys,
     .fallback = "property",
     AT(kafka_key),
     .help = "key of the Kafka records: property (the MQTT user property 'key', else the MQTT topic), topic, "
             "or none"},
};

static const struct option_spec delivery_specs[] = {
    {.name = "delivery",
     .kind = OPTION_CHOICE,
     .argument = "MODE",
     .choices = deliveries,
     .fallback = "at-least-once",
     AT(delivery),
     .help =
         "at-least-once (a kill may double what was in flight) or exactly-once (MQTT 5 at QoS 2 in, Kafka "
         "transactions out; consumers need isolation.level=read_committed)"},
    {.name = "transaction-interval",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "100ms",
     .maximum = 30,
     AT(transaction_interval),
     .help = "exactly-once: shortest time from one transaction to the next, unless that was filled to the "
             "window; it bounds what is added to the latency"},
    {.name = "window",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .fallback = "1250",
     .minimum = 1,
     .maximum = 1000000,
     AT(window),
     .help = "most messages in flight to Kafka"},
    {.name = "window-bytes",
     .kind = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "4M",
     .minimum = 1024,
     .maximum = 1e12,
     AT(window_bytes),
     .help = "most bytes in flight to Kafka; a single larger message still goes"},
    {.name = "drain-timeout",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "10s",
     AT(drain_timeout),
     .help = "when asked to stop, how long to go on delivering what is spooled; the rest stays in the spool"},
};

static const struct option_spec spool_specs[] = {
    {.name = "spool",
     .kind = OPTION_TEXT,
     .argument = "FOLDER",
     AT(spool_directory),
     .help = "folder of the spool; without it, a folder per bridge in $STATE_DIRECTORY, else in "
             "$XDG_STATE_HOME/roomstream, else in ~/.local/state/roomstream"},
    {.name = "spool-max",
     .kind = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "1G",
     .minimum = 65536,
     .maximum = 1e15,
     AT(spool_max),
     .help = "bound of the spool: near it the bridge leaves the MQTT broker, which then keeps the rest, and "
             "comes back at two thirds of it"},
    {.name = "segment-size",
     .kind = OPTION_SIZE,
     .argument = "SIZE",
     .fallback = "16M",
     .minimum = 4096,
     .maximum = 1e12,
     AT(segment_bytes),
     .help = "size of a file of the spool; disk space comes back a file at a time"},
    {.name = "sync",
     .kind = OPTION_CHOICE,
     .argument = "WHEN",
     .choices = syncs,
     .fallback = "interval",
     AT(sync),
     .help = "when the spool is made durable against a power loss: none, interval, or always (before each "
             "acknowledgement)"},
    {.name = "sync-interval",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "1s",
     .minimum = 0.001,
     .maximum = 3600,
     AT(sync_interval),
     .help = "interval of --sync interval: what a power loss can cost at most"},
    {.name = "spool-repair",
     .kind = OPTION_FLAG,
     AT(spool_repair),
     .help = "set damaged files of the spool aside, as NAME.corrupt, and go on with all in them that is "
             "whole; for one start, after one that was refused"},
};

static const struct option_spec letter_specs[] = {
    {.name = "dead-letters",
     .kind = OPTION_CHOICE,
     .argument = "ACTION",
     .choices = actions,
     .fallback = "none",
     AT(dead_letters),
     .help =
         "instead of running, deal with what Kafka could never take: list, export (JSON lines on stdout), "
         "retry (put back into the spool) or drop; retry and drop need the bridge to be stopped"},
    {.name = "letter",
     .kind = OPTION_LIST,
     .argument = "ID",
     AT(letters),
     .help = "only the dead letter with this id; may be given several times"},
};

static const struct option_spec monitor_specs[] = {
    {.name = "http",
     .kind = OPTION_TEXT,
     .argument = "ADDR:PORT",
     .fallback = "0",
     AT(http),
     .help =
         "serve /metrics (Prometheus), /healthz, /readyz and /status (JSON) there; a port alone is on the "
         "loopback address, port 0 is any that is free (the log says which, and status finds it); '' is "
         "nowhere. There is no access control: keep it on an address that only monitoring reaches"},
    {.name = "http-host",
     .kind = OPTION_LIST,
     .argument = "NAME",
     AT(http_hosts),
     .help = "host name by which others ask for it, as monitoring on another machine does; may be given "
             "several times. Requests for an IP address, localhost or the name in --http are answered "
             "anyway, others with 421"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

void bridge_options(struct bridge_settings *settings, struct option_group groups[BRIDGE_GROUP_COUNT])
{
    groups[0] = (struct option_group){"Topics", "topics", topic_specs, COUNT(topic_specs), settings};
    groups[1] = mqtt_options(&settings->mqtt);
    groups[2] = kafka_options(&settings->kafka);
    groups[3] = kafka_topic_options(&settings->new_topic);
    groups[4] =
        (struct option_group){"Delivery", "delivery", delivery_specs, COUNT(delivery_specs), settings};
    groups[5] = (struct option_group){"Spool", "spool", spool_specs, COUNT(spool_specs), settings};
    groups[6] =
        (struct option_group){"Monitoring", "monitoring", monitor_specs, COUNT(monitor_specs), settings};
    groups[7] =
        (struct option_group){"Dead letters", "dead-letters", letter_specs, COUNT(letter_specs), settings};
}

/* The folder for a bridge of that name, in the place where this system keeps state. */
static char *default_folder(const char *name)
{
    const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int length;
    if (systemd && *systemd)
        length = asprintf(&path, "%.*s/%s", (int)strcspn(systemd, ":"), systemd, name);
    else if (xdg && *xdg)
        length = asprintf(&path, "%s/roomstream/%s", xdg, name);
    else if (home && *home)
        length = asprintf(&path, "%s/.local/state/roomstream/%s", home, name);
    else
        return NULL;
    if (length < 0)
        out_of_memory(strlen(name));
    return path;
}

/* Exactly-once needs a certain MQTT; the rest has defaults that depend on it. */
static bool complete_delivery(struct bridge_settings *settings, struct error *error)
{
    bool exactly_once = settings->delivery == EXACTLY_ONCE;
    if (settings->qos < 0)
        settings->qos = exactly_once ? 2 : 1;
    if (settings->receive_maximum == 0)
        settings->receive_maximum = exactly_once ? 20 : 1000;
    if (exactly_once && settings->mqtt.version != MQTT_VERSION_5)
        return error_set(error, "--delivery exactly-once needs --mqtt-version 5");
    if (exactly_once && settings->qos != 2)
        return error_set(error, "--delivery exactly-once needs --qos 2, not %d", (int)settings->qos);
    return true;
}

/* Any message fits into the spool as soon as some of it is delivered. */
static bool complete_message_max(struct bridge_settings *settings, struct error *error)
{
    const int64_t usual = 4 << 20, most = settings->spool_max / 4;
    char needed[TEXT_SIZE_SIZE];
    if (settings->message_max == 0)
        settings->message_max = usual < most ? usual : most;
    text_from_size(4 * settings->message_max, needed);
    return settings->message_max <= most ||
           error_set(error,
                     "--message-max %" PRId64 " needs a --spool-max of at least four times as much, %s",
                     settings->message_max, needed);
}

/* MQTT 5 section 4.8.2. */
static bool complete_subscription(struct bridge_settings *settings, struct error *error)
{
    struct error reason;
    int length = settings->share
                     ? asprintf(&settings->subscription, "$share/%s/%s", settings->share, settings->filter)
                     : asprintf(&settings->subscription, "%s", settings->filter);
    if (length < 0)
        out_of_memory(strlen(settings->filter));
    /* A slash would not be refused but end the group. */
    if (settings->share &&
        (strchr(settings->share, '/') || !mqtt_filter_check(settings->subscription, &reason)))
        return error_set(error,
                         "--share '%s' cannot be the name of a group: no '/', '+' or '#', and not empty",
                         settings->share);
    return true;
}

static bool complete_topics(struct bridge_settings *settings, struct error *error)
{
    struct error reason;
    if (!settings->filter || !*settings->filter)
        return error_set(error, "--topic is missing: which MQTT topic is to be carried?");
    if (!mqtt_filter_check(settings->filter, &reason))
        return error_set(error, "--topic '%s': %s", settings->filter, reason.text);
    if (!complete_subscription(settings, error))
        return false;
    if (!settings->kafka_topic)
        settings->kafka_topic = settings->filter;
    return kafka_topic_name_valid(settings->kafka_topic) ||
           error_set(
               error,
               "'%s' cannot be the name of a Kafka topic (letters, digits, '.', '_', '-', at most 249): "
               "choose one with --kafka-topic",
               settings->kafka_topic);
}

static bool complete_http(struct bridge_settings *settings, struct error *error)
{
    struct error reason;
    if (settings->http && *settings->http == '\0')
        settings->http = NULL;
    return !settings->http || http_address_parse(settings->http, &settings->http_address, &reason) ||
           error_set(error, "--http: %s", reason.text);
}

/* All bridges of the generic program would have one name. */
static void complete_name(struct bridge_settings *settings, const char *program)
{
    if (settings->mqtt.client_id)
        snprintf(settings->name, sizeof settings->name, "%s", settings->mqtt.client_id);
    else if (strcmp(program, "bridge") == 0 && settings->kafka_topic)
        snprintf(settings->name, sizeof settings->name, "bridge-%s", settings->kafka_topic);
    else
        snprintf(settings->name, sizeof settings->name, "%s", program);
}

static bool complete_folder(struct bridge_settings *settings, struct error *error)
{
    char folder[600];
    if (settings->spool_directory)
        return *settings->spool_directory || error_set(error, "--spool is empty");
    if (settings->mqtt.client_id)
        snprintf(folder, sizeof folder, "%s", settings->mqtt.client_id);
    else
        snprintf(folder, sizeof folder, "%s", settings->name);
    if (strchr(folder, '/') || *folder == '.' || *folder == '\0')
        return error_set(error, "--spool is needed where the client id '%s' cannot be the name of a folder",
                         folder);
    settings->spool_directory = default_folder(folder);
    return settings->spool_directory ||
           error_set(error,
                     "--spool is missing, and neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set");
}

bool bridge_settings_complete(struct bridge_settings *settings, const char *program, struct error *error)
{
    bool folder_alone = settings->dead_letters != LETTERS_NONE && settings->spool_directory;
    if (settings->segment_bytes > settings->spool_max / 8)
        settings->segment_bytes = settings->spool_max / 8;
    if (!mqtt_settings_complete(&settings->mqtt, error) ||
        (!folder_alone && !complete_topics(settings, error)) || !complete_delivery(settings, error) ||
        !complete_message_max(settings, error))
        return false;
    complete_name(settings, program);
    return complete_http(settings, error) && complete_folder(settings, error);
}

bool bridge_make_folder(const struct bridge_settings *settings, struct error *error)
{
    char *path = strdup(settings->spool_directory);
    bool ok = true;
    if (!path)
        out_of_memory(strlen(settings->spool_directory) + 1);
    for (char *end = path; ok && *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char cut = *end;
        *end = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            ok = error_set(error, "cannot create the folder %s: %s: choose another with --spool", path,
                           strerror(errno));
        *end = cut;
    }
    free(path);
    return ok;
}

struct spool_settings bridge_spool_settings(const struct bridge_settings *settings)
{
    return (struct spool_settings){
        .directory = settings->spool_directory,
        .segment_bytes = settings->segment_bytes,
        .max_bytes = settings->spool_max,
        .sync = settings->sync,
        .sync_interval = settings->sync_interval,
        .window = (size_t)settings->window,
        .repair = settings->spool_repair,
    };
}
