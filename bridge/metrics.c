#include "metrics.h"

#include <stdio.h>

void metrics_init(struct metrics *m)
{
    pthread_mutex_init(&m->mutex, NULL);
    kafka_statistics_init(&m->kafka);
}

void metrics_free(struct metrics *m)
{
    kafka_statistics_free(&m->kafka);
    pthread_mutex_destroy(&m->mutex);
}

void metrics_set_trouble(struct metrics *m, const char *text)
{
    pthread_mutex_lock(&m->mutex);
    snprintf(m->trouble, sizeof m->trouble, "%s", text);
    pthread_mutex_unlock(&m->mutex);
}

void metrics_get_trouble(struct metrics *m, char text[static METRICS_TROUBLE_SIZE])
{
    pthread_mutex_lock(&m->mutex);
    snprintf(text, METRICS_TROUBLE_SIZE, "%s", m->trouble);
    pthread_mutex_unlock(&m->mutex);
}
