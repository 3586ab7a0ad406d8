#include "flights.h"

#include "translate.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "core/out_of_memory.h"
#include "core/text.h"
#include "mqtt/broker_limits.h"

#include <stdlib.h>
#include <string.h>

struct flight {
    struct place *place; /* NULL: a dead letter that was put back */
    uint32_t life;       /* place->life when it was taken */
    rd_kafka_message_t *message;
    struct record letter; /* where there is no message */
    size_t bytes;
    char *reason; /* why it is to be set aside */
    struct flight *next;
};

void flights_open(struct flights *f, const struct downlink_settings *settings, struct sender *sender,
                  struct letters *letters, struct counts *counts)
{
    size_t window = (size_t)settings->window;
    *f = (struct flights){
        .settings = settings,
        .sender = sender,
        .letters = letters,
        .counts = counts,
        .all = calloc(window, sizeof(struct flight)),
        .backoff = {.first = SECOND, .longest = 30 * SECOND},
        .dead.interval = 30 * SECOND,
        .left_out.interval = 30 * SECOND,
        .refusals.interval = 30 * SECOND,
        .stuck.interval = 30 * SECOND,
    };
    if (!f->all)
        out_of_memory(window * sizeof(struct flight));
    for (size_t i = 0; i < window; i++) {
        f->all[i].next = f->unused;
        f->unused = &f->all[i];
    }
}

static void give_back(struct flights *f, struct flight *flight)
{
    if (flight->message)
        rd_kafka_message_destroy(flight->message);
    free(flight->reason);
    f->count--;
    f->bytes -= flight->bytes;
    *flight = (struct flight){.next = f->unused};
    f->unused = flight;
}

void flights_close(struct flights *f)
{
    for (size_t i = 0; f->all && i < (size_t)f->settings->window; i++) {
        if (f->all[i].message)
            rd_kafka_message_destroy(f->all[i].message);
        free(f->all[i].reason);
    }
    free(f->all);
    record_space_free(&f->buffer);
    text_buffer_free(&f->topic);
    text_buffer_free(&f->text);
}

bool flights_have_room(const struct flights *f)
{
    return f->unused && !f->held && !f->refused && f->count < sender_limit(f->sender) &&
           (f->count == 0 || f->bytes < (size_t)f->settings->window_bytes);
}

/* Is the partition still ours, so that it may be settled? */
static bool is_current(const struct flight *flight)
{
    return !flight->place || flight->place->life == flight->life;
}

void flights_let_go(struct flights *f)
{
    for (size_t i = 0; i < (size_t)f->settings->window; i++) {
        struct flight *flight = &f->all[i];
        if (!flight->message || is_current(flight))
            continue;
        rd_kafka_message_destroy(flight->message);
        flight->message = NULL;
    }
}

static struct record read_record(struct flights *f, const struct flight *flight)
{
    return flight->message ? record_from_kafka(&f->buffer, flight->message) : flight->letter;
}

/* ---- outcomes ---- */

static void settle(struct flight *flight)
{
    rd_kafka_timestamp_type_t type;
    FAILPOINT("downlink-settle");
    partitions_done(flight->place, flight->message->offset,
                    rd_kafka_message_timestamp(flight->message, &type));
}

static bool set_aside(struct flights *f, struct flight *flight)
{
    struct error error;
    const struct record record = read_record(f, flight);
    if (!letters_set_aside(f->letters, &record, flight->reason, &error)) {
        log_limited(
            &f->stuck, LOG_LEVEL_ERROR, dead_letter_failed, LOG_FIELDS(LOG_TEXT("reason", error.text)),
            "a dead letter cannot be written, and all messages wait for that: %s; trying again", error.text);
        return false;
    }
    log_limited(&f->dead, LOG_LEVEL_WARNING, message_set_aside,
                LOG_FIELDS(LOG_TEXT("topic", record.topic), LOG_NUMBER("partition", record.partition),
                           LOG_NUMBER("offset", record.offset), LOG_TEXT("reason", flight->reason)),
                "topic '%s', partition %d, offset %lld is set aside as a dead letter: %s", record.topic,
                (int)record.partition, (long long)record.offset, flight->reason);
    if (flight->place) {
        f->counts->dead++;
        settle(flight);
    } else
        letters_settled(f->letters, true);
    return true;
}

static void refuse(struct flights *f, struct flight *flight, const char *reason)
{
    flight->reason = text_copy(reason);
    if (set_aside(f, flight)) {
        give_back(f, flight);
        return;
    }
    flight->next = f->refused;
    f->refused = flight;
}

static void done(struct flights *f, struct flight *flight)
{
    rd_kafka_timestamp_type_t type;
    backoff_reset(&f->backoff);
    if (!flight->place) {
        f->counts->retried++;
        letters_settled(f->letters, false);
        return;
    }
    f->counts->sent++;
    f->counts->bytes += flight->bytes;
    int64_t timestamp = rd_kafka_message_timestamp(flight->message, &type);
    if (timestamp > 0)
        histogram_add(&f->latency, clock_realtime() - timestamp * MILLISECOND);
    settle(flight);
}

static void later(struct flights *f, int code)
{
    char reason[SENDER_REASON_SIZE];
    f->counts->mqtt_refusals++;
    f->pause = clock_monotonic() + backoff_next(&f->backoff);
    sender_reason(code, reason);
    log_limited(&f->refusals, LOG_LEVEL_WARNING, mqtt_message_refused,
                LOG_FIELDS(LOG_TEXT("topic", f->settings->to), LOG_NUMBER("code", code)),
                "the MQTT broker refuses a message for now (%s): it is sent again, with those behind it",
                reason);
}

static const char *why_refused(struct flights *f, const struct flight *flight, int code,
                               char text[static 2 * SENDER_REASON_SIZE])
{
    char reason[SENDER_REASON_SIZE];
    (void)f;
    if (code == MQTTREASONCODE_PACKET_TOO_LARGE)
        snprintf(text, 2 * SENDER_REASON_SIZE,
                 "with its value of %zu bytes, it is larger than the MQTT broker takes",
                 flight->message ? flight->message->len : flight->letter.value.length);
    else
        snprintf(text, 2 * SENDER_REASON_SIZE, "the MQTT broker refuses it: %s", sender_reason(code, reason));
    return text;
}

static void conclude(struct flights *f, struct flight *flight, const struct sender_outcome *outcome)
{
    char text[2 * SENDER_REASON_SIZE];
    if (!is_current(flight)) {
        give_back(f, flight);
        return;
    }
    switch (outcome->result) {
    case SENDER_DONE:
        done(f, flight);
        break;
    case SENDER_REFUSED:
        refuse(f, flight, why_refused(f, flight, outcome->code, text));
        return;
    case SENDER_ENDS:
        refuse(f, flight, "the MQTT broker ends the connection each time that it is sent, also alone");
        return;
    case SENDER_LATER:
        later(f, outcome->code);
        /* fallthrough */
    case SENDER_RETURNED:
        if (!flight->place) {
            f->held = flight;
            return;
        }
        flight->place->rewind = true;
        break;
    }
    give_back(f, flight);
}

void flights_settle(struct flights *f)
{
    struct sender_outcome outcome;
    while (sender_outcome(f->sender, &outcome))
        conclude(f, outcome.message, &outcome);
}

/* ---- on the way ---- */

static void publish(struct flights *f, struct flight *flight, const struct record *record)
{
    MQTTProperties properties;
    size_t left_out = translate_properties(record, &f->text, &properties);
    bool sent = sender_send(f->sender, f->topic.data, record->value.data, record->value.length, &properties,
                            flight, (struct blame_id){flight->place, record->offset});
    MQTTProperties_free(&properties);
    f->held = sent ? NULL : flight;
    FAILPOINT("downlink-send");
    if (!sent || left_out == 0)
        return;
    f->counts->headers_left_out += left_out;
    log_limited(
        &f->left_out, LOG_LEVEL_WARNING, headers_left_out,
        LOG_FIELDS(LOG_TEXT("topic", record->topic), LOG_NUMBER("partition", record->partition),
                   LOG_NUMBER("offset", record->offset)),
        "topic '%s', partition %d, offset %lld: %zu of its key and headers are not text, and are left out",
        record->topic, (int)record->partition, (long long)record->offset, left_out);
}

static void start(struct flights *f, struct flight *flight)
{
    struct error reason;
    const struct record record = read_record(f, flight);
    if (flight->place && !f->settings->carried && translate_is_carried(&record)) {
        f->counts->skipped++;
        settle(flight);
        give_back(f, flight);
    } else if (!template_fill(&f->settings->template, &record, &f->topic, &reason))
        refuse(f, flight, reason.text);
    else
        publish(f, flight, &record);
}

static struct flight *take_unused(struct flights *f)
{
    struct flight *flight = f->unused;
    f->unused = flight->next;
    flight->next = NULL;
    f->count++;
    return flight;
}

void flights_start(struct flights *f, struct place *place, rd_kafka_message_t *message)
{
    struct flight *flight = take_unused(f);
    flight->place = place;
    flight->life = place->life;
    flight->message = message;
    flight->bytes = message->len + message->key_len;
    f->bytes += flight->bytes;
    start(f, flight);
}

bool flights_start_letter(struct flights *f)
{
    struct record record;
    if (!letters_next(f->letters, &record))
        return false;
    struct flight *flight = take_unused(f);
    flight->letter = record;
    start(f, flight);
    return true;
}

void flights_again(struct flights *f, uint64_t connects)
{
    struct flight *refused = f->refused, *held = f->held;
    f->refused = NULL;
    while (refused) {
        struct flight *flight = refused;
        refused = flight->next;
        if (!is_current(flight) || set_aside(f, flight))
            give_back(f, flight);
        else {
            flight->next = f->refused;
            f->refused = flight;
        }
    }
    if (held && !is_current(held)) {
        f->held = NULL;
        give_back(f, held);
    } else if (held && !f->refused && f->count <= sender_limit(f->sender) && sender_is_connected(f->sender) &&
               sender_connects(f->sender) == connects && clock_monotonic() >= f->pause) {
        f->held = NULL;
        start(f, held);
    }
}
