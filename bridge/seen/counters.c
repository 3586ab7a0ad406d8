#include "counters.h"

#include "core/clock.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

/* Statistics come once a second; a connection that a broker has closed takes about as long to come back. */
static const int64_t reconnect_time = 5 * SECOND;

void counters_init(struct counters *m)
{
    pthread_mutex_init(&m->mutex, NULL);
}

static void free_text(char *text)
{
    if (text)
        rd_kafka_mem_free(NULL, text);
}

void counters_free(struct counters *m)
{
    free_text(m->statistics);
    pthread_mutex_destroy(&m->mutex);
}

void counters_set_trouble(struct counters *m, const char *text)
{
    pthread_mutex_lock(&m->mutex);
    snprintf(m->trouble, sizeof m->trouble, "%s", text);
    pthread_mutex_unlock(&m->mutex);
}

void counters_get_trouble(struct counters *m, char text[static COUNTERS_TROUBLE_SIZE])
{
    pthread_mutex_lock(&m->mutex);
    snprintf(text, COUNTERS_TROUBLE_SIZE, "%s", m->trouble);
    pthread_mutex_unlock(&m->mutex);
}

void counters_take_statistics(struct counters *m, char *text)
{
    int64_t now = clock_monotonic();
    bool up = text && strstr(text, "\"state\":\"UP"); /* UP or UPDATE, which is up, too */
    pthread_mutex_lock(&m->mutex);
    char *before = m->statistics;
    m->statistics = text;
    m->statistics_time = text ? now : 0;
    if (up || !text)
        m->statistics_up_time = m->statistics_time;
    pthread_mutex_unlock(&m->mutex);
    free_text(before);
}

struct statistics counters_get_statistics(struct counters *m)
{
    struct statistics statistics = {0};
    pthread_mutex_lock(&m->mutex);
    if (m->statistics) {
        statistics.text = strdup(m->statistics);
        statistics.age = clock_monotonic() - m->statistics_time;
        statistics.connected =
            m->statistics_up_time && m->statistics_time - m->statistics_up_time < reconnect_time;
    }
    pthread_mutex_unlock(&m->mutex);
    return statistics;
}
