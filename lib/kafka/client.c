#include "client.h"
#include "errors.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "java_properties.h"
#include "token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const int64_t destroy_time = 3 * SECOND;

/* librdkafka repeats itself while a broker is down, from several threads. Lines that say what to do have a
 * limit of their own, so that the others do not hold them back. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    static struct log_limit limits[] = {{.interval = 30 * SECOND}, {.interval = 30 * SECOND}};
    const char *advice = kafka_log_advice(text);
    (void)rk;
    /* Dropped: levels below syslog's LOG_WARNING; coordinators that are missing while Kafka starts; a file
     * for producers and consumers, each of which knows only some properties; connections that brokers close
     * because they are idle, after which librdkafka calls the broker down (a real outage has a line of its
     * own); and what enable.gapless.guarantee stops, which its user handles. */
    if ((level > 4 && !*advice) || strcmp(facility, "GETPID") == 0 || strcmp(facility, "CONFWARN") == 0 ||
        strstr(text, "brokers are down") || strstr(text, "in state UP") ||
        strstr(text, "gap-less guarantee")) {
        log_debug(librdkafka, "librdkafka %s: %s", facility, text);
        return;
    }
    log_limited(&limits[*advice != '\0'], LOG_LEVEL_WARNING, librdkafka,
                LOG_FIELDS(LOG_TEXT("facility", facility)), "Kafka: %s%s", text, advice);
}

static bool set(rd_kafka_conf_t *conf, const struct kafka_property *property, struct error *error)
{
    char reason[512];
    return rd_kafka_conf_set(conf, property->name, property->value, reason, sizeof reason) ==
               RD_KAFKA_CONF_OK ||
           error_set(error, "Kafka property %s=%s: %s", property->name, property->value, reason);
}

static bool set_all(rd_kafka_conf_t *conf, const struct kafka_property *properties, size_t count,
                    struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!set(conf, &properties[i], error))
            return false;
    return true;
}

/* librdkafka knows some properties and values by two names (its CONFIGURATION.md). */
static const char *canonical(const char *text)
{
    static const char *const aliases[][2] = {
        {"delivery.timeout.ms", "message.timeout.ms"}, {"request.required.acks", "acks"}, {"-1", "all"}};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(text, aliases[i][0]) == 0)
            return aliases[i][1];
    return text;
}

static bool contradicts(const struct property *property, const struct kafka_property *required)
{
    return required->why && strcmp(canonical(property->name), required->name) == 0 &&
           strcmp(canonical(property->value), required->value) != 0;
}

/* A properties file has sections for one kind of client. */
static bool is_for(rd_kafka_type_t type, const struct property *property)
{
    return !property->section || !*property->section ||
           strcmp(property->section, type == RD_KAFKA_PRODUCER ? "producer" : "consumer") == 0;
}

static const char *shown_value(const struct property *property)
{
    return text_names_secret(property->name, strlen(property->name)) ? "(hidden)" : property->value;
}

struct left_out {
    char text[512]; /* names and origins */
    size_t count;
};

static void note_left_out(struct left_out *left_out, const struct property *property)
{
    size_t length = strlen(left_out->text);
    snprintf(left_out->text + length, sizeof left_out->text - length, "%s%s (%s)", length ? ", " : "",
             property->name, property->origin);
    left_out->count++;
}

static bool set_user_property(rd_kafka_conf_t *conf, const struct property *property,
                              struct left_out *left_out, struct error *error)
{
    struct error reason;
    if (java_property_is_ambiguous(property))
        return error_set(
            error,
            "%s: a backslash in %s is literal for some programs and an escape for others (Java): put the line [default] before the properties, and all values are taken literally; or use sasl.jaas.config",
            property->origin, property->name);
    switch (java_property_set(conf, property->name, property->value, &reason)) {
    case JAVA_PROPERTY_SET:
        return true;
    case JAVA_PROPERTY_LEFT_OUT:
        note_left_out(left_out, property);
        return true;
    case JAVA_PROPERTY_WRONG:
        break;
    }
    return error_set(error, "%s: Kafka property %s=%s: %s", property->origin, property->name,
                     shown_value(property), reason.text);
}

static bool set_user_properties(rd_kafka_conf_t *conf, rd_kafka_type_t type,
                                const struct property_list *properties, const struct kafka_property *required,
                                size_t required_count, struct error *error)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    struct left_out left_out = {0};
    for (size_t i = 0; i < properties->count; i++) {
        const struct property *property = &properties->items[i];
        if (!is_for(type, property))
            continue;
        for (size_t j = 0; j < required_count; j++)
            if (contradicts(property, &required[j]))
                return error_set(error, "%s: Kafka property %s=%s: it must be %s here: %s", property->origin,
                                 property->name, property->value, required[j].value, required[j].why);
        if (!set_user_property(conf, property, &left_out, error))
            return false;
    }
    if (left_out.count > 0 && !atomic_flag_test_and_set(&told))
        log_info(kafka_properties_left_out,
                 "left out, since only other clients (Java, Schema Registry) know these properties: %s",
                 left_out.text);
    return true;
}

rd_kafka_conf_t *kafka_conf_new(rd_kafka_type_t type, const struct kafka_settings *settings,
                                const struct kafka_property *defaults, size_t default_count,
                                const struct kafka_property *required, size_t required_count,
                                struct error *error)
{
    const struct kafka_property brokers = {.name = "bootstrap.servers", .value = settings->brokers};
    static const struct kafka_property log_properties[] = {
        {.name = "log.thread.name", .value = "false"},
    };
    static const struct kafka_property token_properties[] = {
        {.name = "security.protocol", .value = "SASL_SSL"},
        {.name = "sasl.mechanisms", .value = "OAUTHBEARER"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool ok = (*settings->brokers || error_set(error, "--brokers is empty")) && set(conf, &brokers, error) &&
              set_all(conf, log_properties, sizeof log_properties / sizeof *log_properties, error) &&
              set_all(conf, defaults, default_count, error) &&
              (!settings->token_command ||
               set_all(conf, token_properties, sizeof token_properties / sizeof *token_properties, error)) &&
              set_user_properties(conf, type, &settings->properties, required, required_count, error) &&
              set_all(conf, required, required_count, error) && kafka_token_use(conf, settings, error);
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_ssl_cert_verify_cb(conf, kafka_check_certificate);
    return conf;
}

bool kafka_looks_late(void)
{
    return rd_kafka_version() < 0x02020000;
}

rd_kafka_t *kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *error)
{
    char reason[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, reason, sizeof reason);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        error_set(error, "cannot make a Kafka client: %s", reason);
    } else
        kafka_token_begin(rk);
    return rk;
}

/* A consumer with a fatal error cannot leave its group. */
static void *destroy(void *rk)
{
    rd_kafka_destroy_flags(rk, rd_kafka_fatal_error(rk, NULL, 0) ? RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE : 0);
    return NULL;
}

bool kafka_destroy(rd_kafka_t *rk)
{
    pthread_t thread;
    kafka_token_end(rk);
    int64_t deadline = clock_monotonic() + destroy_time;
    const struct timespec limit = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND};
    if (pthread_create(&thread, NULL, destroy, rk) != 0)
        return false;
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &limit) == 0)
        return true;
    pthread_detach(thread);
    log_debug(kafka_client_left, "librdkafka has not ended a client within %d s: it is left running",
              (int)(destroy_time / SECOND));
    return false;
}
