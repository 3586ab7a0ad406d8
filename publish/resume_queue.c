#include "resume_queue.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct queued {
    char key[16];
    char *bytes; /* Paho's memory */
    int length;
};

struct resume_queue {
    pthread_mutex_t mutex;
    struct queued *ring;
    size_t capacity, first, count;
};

struct resume_queue *resume_queue_new(size_t capacity)
{
    struct resume_queue *queue = calloc(1, sizeof *queue);
    if (queue)
        queue->ring = calloc(capacity, sizeof *queue->ring);
    if (!queue || !queue->ring) {
        free(queue);
        return NULL;
    }
    queue->capacity = capacity;
    pthread_mutex_init(&queue->mutex, NULL);
    return queue;
}

void resume_queue_free(struct resume_queue *queue)
{
    pthread_mutex_destroy(&queue->mutex);
    free(queue->ring);
    free(queue);
}

static struct queued *at(struct resume_queue *queue, size_t i)
{
    return &queue->ring[(queue->first + i) % queue->capacity];
}

/* Forgets the oldest `count`. */
static void drop(struct resume_queue *queue, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        MQTTAsync_free(at(queue, i)->bytes);
        at(queue, i)->bytes = NULL;
    }
    queue->first = (queue->first + count) % queue->capacity;
    queue->count -= count;
}

static char *join(int count, char *const pieces[], const int lengths[], int *length)
{
    *length = 0;
    for (int i = 0; i < count; i++)
        *length += lengths[i];
    char *bytes = MQTTAsync_malloc((size_t)*length + 1), *end = bytes;
    for (int i = 0; bytes && i < count; end += lengths[i++])
        memcpy(end, pieces[i], (size_t)lengths[i]);
    return bytes;
}

bool resume_queue_put(struct resume_queue *queue, const char *key, int count, char *const pieces[],
                      const int lengths[])
{
    struct queued new = {.length = 0};
    if (strlen(key) >= sizeof new.key || !(new.bytes = join(count, pieces, lengths, &new.length)))
        return false;
    strcpy(new.key, key);
    pthread_mutex_lock(&queue->mutex);
    if (queue->count == queue->capacity)
        drop(queue, 1);
    *at(queue, queue->count++) = new;
    pthread_mutex_unlock(&queue->mutex);
    return true;
}

char *resume_queue_take(struct resume_queue *queue, const char *key, int *length)
{
    char *bytes = NULL;
    pthread_mutex_lock(&queue->mutex);
    size_t i = 0;
    while (i < queue->count && strcmp(at(queue, i)->key, key) != 0)
        i++;
    if (i < queue->count) {
        bytes = at(queue, i)->bytes;
        *length = at(queue, i)->length;
        drop(queue, i);
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->mutex);
    return bytes;
}

void resume_queue_clear(struct resume_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    drop(queue, queue->count);
    pthread_mutex_unlock(&queue->mutex);
}
