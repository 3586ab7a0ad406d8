#include "counters.h"

#include <stdio.h>

void counters_init(struct counters *m)
{
    pthread_mutex_init(&m->mutex, NULL);
    kafka_statistics_init(&m->kafka);
}

void counters_free(struct counters *m)
{
    kafka_statistics_free(&m->kafka);
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
