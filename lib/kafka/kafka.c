#include "kafka.h"

#include "clock.h"
#include "log.h"

#include <pthread.h>
#include <string.h>

/* librdkafka repeats itself while a broker is away, from several threads. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct log_limit limit = {.interval = 30 * SECOND};
    uint64_t held = 0;
    (void)rk;
    /* syslog's LOG_WARNING; and while Kafka starts, its coordinators are not there at once. */
    if (level > 4 || strcmp(facility, "GETPID") == 0) {
        log_debug("librdkafka %s: %s", facility, text);
        return;
    }
    pthread_mutex_lock(&mutex);
    bool allowed = log_allowed(&limit, &held);
    pthread_mutex_unlock(&mutex);
    if (allowed && held)
        log_warning("Kafka: %s (%llu like messages were left out)", text, (unsigned long long)held);
    else if (allowed)
        log_warning("Kafka: %s", text);
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *error)
{
    char reason[512];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK)
        return true;
    return error_set(error, "Kafka property %s=%s: %s", name,
                     text_names_secret(name, strlen(name)) ? "(hidden)" : value, reason);
}

/* librdkafka knows some properties by two names (its CONFIGURATION.md). */
static const char *canonical_name(const char *name)
{
    static const char *const aliases[][2] = {{"delivery.timeout.ms", "message.timeout.ms"},
                                             {"request.required.acks", "acks"}};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(name, aliases[i][0]) == 0)
            return aliases[i][1];
    return name;
}

static bool set_user_property(rd_kafka_conf_t *conf, const char *property,
                              const struct kafka_property *required, size_t required_count,
                              struct error *error)
{
    char name[256];
    const char *value = strchr(property, '=') + 1;
    snprintf(name, sizeof name, "%.*s", (int)(value - property - 1), property);
    for (size_t i = 0; i < required_count; i++)
        if (required[i].why && strcmp(canonical_name(name), required[i].name) == 0 &&
            strcmp(value, required[i].value) != 0)
            return error_set(error, "Kafka property %s=%s: it must be %s here: %s", name, value,
                             required[i].value, required[i].why);
    return set(conf, name, value, error);
}

rd_kafka_conf_t *kafka_conf_new(const struct kafka_settings *settings, const struct kafka_property *defaults,
                                size_t default_count, const struct kafka_property *required,
                                size_t required_count, struct error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool ok = *settings->brokers ? set(conf, "bootstrap.servers", settings->brokers, error)
                                 : error_set(error, "--brokers is empty");
    for (size_t i = 0; ok && i < default_count; i++)
        ok = set(conf, defaults[i].name, defaults[i].value, error);
    for (size_t i = 0; ok && i < settings->properties.count; i++)
        ok = set_user_property(conf, settings->properties.items[i], required, required_count, error);
    for (size_t i = 0; ok && i < required_count; i++)
        ok = set(conf, required[i].name, required[i].value, error);
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

rd_kafka_t *kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *error)
{
    char reason[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, reason, sizeof reason);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        error_set(error, "cannot make a Kafka client: %s", reason);
    }
    return rk;
}
