#include "resumption.h"

#include "clock.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a PUBLISH has beside its topic, the user's own properties and the payload: headers and the properties
 * of the publisher. */
enum { PACKET_OVERHEAD = 512 };

/* Beside what MQTTAsync_createOptions.maxBufferedMessages allows, as mqtt.c sets it. */
enum { WAITING_RESERVE = 64 };

/* Exactly once needs packet ids that both sides keep: QoS 2, and MQTT 5, whose properties tell the number. */
static bool keeps_packets(const struct publish_settings *settings, const struct mqtt_settings *mqtt)
{
    return settings->qos == 2 && mqtt->version == MQTT_VERSION_5;
}

/* ---- the file ---- */

/* What makes a replay another one, as far as the user chose it: all but the pace and what is local. */
static char *describe(const struct publish_settings *settings, const struct mqtt_settings *mqtt,
                      const struct replay *replay)
{
    static const char *const unrelated[] = {"file",   "speed", "max-gap", "rate",    "fast",
                                            "jitter", "quiet", "resume",  "summary", NULL};
    static const char *const local[] = {"drain-timeout", "window", NULL};
    static const char *const local_but_window[] = {"drain-timeout", NULL};
    bool packets = keeps_packets(settings, mqtt);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    options_write("replay", unrelated, out);
    replay_describe(replay, out);
    options_write("messages", packets ? local_but_window : local, out);
    fprintf(out, "mqtt-version = %s\n", mqtt->version == MQTT_VERSION_5 ? "5" : "3.1.1");
    if (packets && mqtt->client_id)
        fprintf(out, "id = %s\n", mqtt->client_id);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static size_t packet_max(const struct publish_settings *settings, size_t payload_max)
{
    size_t size = PACKET_OVERHEAD + strlen(settings->topic) + payload_max;
    for (size_t i = 0; i < settings->properties.count; i++)
        size += 5 + strlen(settings->properties.items[i]);
    return size;
}

static bool open_file(struct resumption *r, const char *program, const struct publish_settings *settings,
                      const struct mqtt_settings *mqtt, const struct replay *replay, size_t payload_max,
                      struct error *error)
{
    char client_id[MQTT_CLIENT_ID_SIZE], *description = describe(settings, mqtt, replay);
    if (!description)
        return error_set(error, "out of memory");
    mqtt_make_client_id(program, client_id);
    bool packets = keeps_packets(settings, mqtt);
    const struct resume_settings resume_settings = {
        .path = settings->resume,
        .description = description,
        .base = settings->restamp ? clock_realtime() : REPLAY_AS_RECORDED,
        .client_id = client_id,
        .slot_count = packets ? (size_t)settings->window : 0,
        .packet_max = packets ? packet_max(settings, payload_max) : 0,
    };
    r->resume = resume_open(&resume_settings, error);
    free(description);
    return r->resume != NULL;
}

static void log_state(const struct resumption *r)
{
    uint64_t position = resume_position(r->resume);
    size_t doubt = r->packets ? resume_packets_in_doubt(r->packets) : 0;
    if (resume_is_complete(r->resume))
        log_info_with(replay_complete, LOG_FIELDS(LOG_NUMBER("messages", position)),
                      "%s says that this replay is complete, with %" PRIu64
                      " messages: remove the file to replay again",
                      r->path, position);
    else if (position > 0 || doubt > 0)
        log_info_with(
            replay_resumed, LOG_FIELDS(LOG_NUMBER("messages", position), LOG_NUMBER("in_flight", doubt)),
            "going on after the %" PRIu64 " messages that arrived before, says %s; %zu more were in flight",
            position, r->path, doubt);
}

/* ---- life ---- */

bool resumption_open(struct resumption *r, const char *program, const struct publish_settings *settings,
                     const struct mqtt_settings *mqtt, const struct replay *replay, size_t payload_max,
                     struct error *error)
{
    *r = (struct resumption){.path = settings->resume};
    if (!settings->resume)
        return true;
    if (!open_file(r, program, settings, mqtt, replay, payload_max, error))
        return false;
    if (keeps_packets(settings, mqtt) &&
        !(r->packets = resume_packets_new(r->resume, (size_t)settings->window + WAITING_RESERVE))) {
        resume_close(r->resume, NULL);
        return error_set(error, "out of memory");
    }
    log_state(r);
    return true;
}

bool resumption_close(struct resumption *r)
{
    struct error error;
    if (!r->resume)
        return true;
    if (r->packets)
        resume_packets_free(r->packets);
    bool ok = resume_close(r->resume, &error);
    if (!ok)
        log_error(resume_file_failed, "%s", error.text);
    return ok;
}

/* ---- before the first message ---- */

bool resumption_is_complete(const struct resumption *r)
{
    return r->resume && resume_is_complete(r->resume);
}

const char *resumption_client_id(const struct resumption *r, const struct mqtt_settings *mqtt)
{
    return mqtt->client_id || !r->packets ? mqtt->client_id : resume_client_id(r->resume);
}

bool resumption_begins_session(const struct resumption *r, const struct mqtt_settings *mqtt)
{
    return !r->packets || (mqtt->client_id && !resume_packets_used(r->packets));
}

struct replay_mark resumption_mark(const struct resumption *r, int64_t base)
{
    return r->resume ? resume_mark(r->resume) : (struct replay_mark){.base = base};
}

bool resumption_is_settled(const struct resumption *r)
{
    return !r->packets || resume_packets_in_doubt(r->packets) == 0;
}

/* ---- messages ---- */

bool resumption_has(const struct resumption *r, uint64_t number)
{
    return r->resume &&
           (number <= resume_position(r->resume) || (r->packets && resume_packets_done(r->packets, number)));
}

bool resumption_save(struct resumption *r, struct outbox *outbox, const struct replay_mark *mark,
                     uint64_t number, int64_t now)
{
    if (!r->resume)
        return true;
    uint64_t position = resume_position(r->resume), reached = outbox_done_through(outbox);
    if (r->packets)
        reached = resume_packets_done_through(r->packets, position);
    if (reached > position)
        position = reached;
    resume_move(r->resume, position, mark, now);
    return !r->packets || number - position <= resume_slot_count(r->resume);
}

bool resumption_reached(const struct resumption *r, uint64_t number)
{
    return !r->resume || resume_position(r->resume) >= number;
}

void resumption_complete(struct resumption *r)
{
    if (r->resume)
        resume_complete(r->resume);
}
