#include "kafka_statistics.h"

#include "core/clock.h"
#include "core/log.h"
#include "kafka/client.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

/* Statistics come once a second; a connection that a broker has closed takes about as long to come back. */
static const int64_t reconnect_time = 5 * SECOND;

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
    int64_t now = clock_monotonic();
    bool connected = text && strstr(text, "\"state\":\"UP"); /* UP or UPDATE, which is up, too */
    pthread_mutex_lock(&s->mutex);
    char *before = s->text;
    s->text = text;
    s->taken = text ? now : 0;
    if (connected || !text)
        s->connected = s->taken;
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

bool kafka_statistics_is_connected(struct kafka_statistics *s)
{
    pthread_mutex_lock(&s->mutex);
    bool connected = s->connected && s->taken - s->connected < reconnect_time;
    pthread_mutex_unlock(&s->mutex);
    return connected;
}
