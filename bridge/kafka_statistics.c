#include "kafka_statistics.h"

#include "clock.h"
#include "log.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

void kafka_statistics_init(struct kafka_statistics *s)
{
    *s = (struct kafka_statistics){0};
    pthread_mutex_init(&s->mutex, NULL);
}

static void free_text(char *text)
{
    if (text)
        rd_kafka_mem_free(NULL, text);
}

void kafka_statistics_free(struct kafka_statistics *s)
{
    free_text(s->text);
    json_decref(s->latest);
    pthread_mutex_destroy(&s->mutex);
}

void kafka_statistics_take(struct kafka_statistics *s, char *text)
{
    pthread_mutex_lock(&s->mutex);
    char *before = s->text;
    s->text = text;
    s->taken = text ? clock_monotonic() : 0;
    pthread_mutex_unlock(&s->mutex);
    free_text(before);
}

const json_t *kafka_statistics_read(struct kafka_statistics *s, int64_t *age)
{
    json_error_t reason;
    pthread_mutex_lock(&s->mutex);
    char *text = s->text;
    int64_t taken = s->taken;
    s->text = NULL;
    pthread_mutex_unlock(&s->mutex);
    if (text || !taken) {
        json_decref(s->latest);
        s->latest = NULL;
    }
    if (text) {
        s->latest = json_loads(text, 0, &reason);
        if (!s->latest)
            log_debug(kafka_statistics_unreadable, "librdkafka's statistics are not understood: %s",
                      reason.text);
        free_text(text);
    }
    *age = taken ? clock_monotonic() - taken : 0;
    return s->latest;
}

bool kafka_statistics_is_broker(const json_t *broker)
{
    return json_integer_value(json_object_get(broker, "nodeid")) >= 0;
}

bool kafka_statistics_is_up(const json_t *broker)
{
    const char *state = json_string_value(json_object_get(broker, "state"));
    return state && (strcmp(state, "UP") == 0 || strcmp(state, "UPDATE") == 0);
}

bool kafka_statistics_any_broker_up(const json_t *statistics)
{
    const char *name;
    json_t *broker;
    json_object_foreach(json_object_get(statistics, "brokers"), name,
                        broker) if (kafka_statistics_is_up(broker)) return true;
    return false;
}
