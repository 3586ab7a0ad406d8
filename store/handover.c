#include "handover.h"

#include "core/clock.h"

#include <stdlib.h>

void handover_init(struct handover *h, void (*wake)(void *context), void *context)
{
    pthread_condattr_t monotonic;
    *h = (struct handover){.empty = batch_new(), .wake = wake, .context = context};
    pthread_mutex_init(&h->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void handover_free(struct handover *h)
{
    batch_free(h->filled);
    batch_free(h->empty);
    question_free(&h->question);
    question_free(&h->reply);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->mutex);
}

void question_free(struct question *question)
{
    free(question->positions);
    free(question->ids);
    *question = (struct question){0};
}

bool handover_offer(struct handover *h, struct batch **batch)
{
    pthread_mutex_lock(&h->mutex);
    bool idle = h->empty != NULL;
    if (idle) {
        h->filled = *batch;
        *batch = h->empty;
        h->empty = NULL;
        pthread_cond_broadcast(&h->changed);
    }
    pthread_mutex_unlock(&h->mutex);
    return idle;
}

bool handover_is_idle(struct handover *h)
{
    pthread_mutex_lock(&h->mutex);
    bool idle = h->empty != NULL;
    pthread_mutex_unlock(&h->mutex);
    return idle;
}

bool handover_wait(struct handover *h, int64_t ns)
{
    int64_t deadline = clock_monotonic() + ns;
    const struct timespec limit = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND};
    pthread_mutex_lock(&h->mutex);
    while (!h->empty && pthread_cond_timedwait(&h->changed, &h->mutex, &limit) == 0)
        ;
    bool idle = h->empty != NULL;
    pthread_mutex_unlock(&h->mutex);
    return idle;
}

void handover_ask(struct handover *h, struct question question)
{
    pthread_mutex_lock(&h->mutex);
    h->question = question;
    h->asked = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
}

bool handover_reply(struct handover *h, struct question *reply)
{
    pthread_mutex_lock(&h->mutex);
    bool replied = h->replied;
    *reply = h->reply;
    h->reply = (struct question){0};
    h->replied = false;
    pthread_mutex_unlock(&h->mutex);
    return replied;
}

bool handover_must_start_over(struct handover *h)
{
    pthread_mutex_lock(&h->mutex);
    bool start_over = h->start_over;
    h->start_over = false;
    pthread_mutex_unlock(&h->mutex);
    return start_over;
}

void handover_end(struct handover *h)
{
    pthread_mutex_lock(&h->mutex);
    h->ended = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
}

bool handover_take(struct handover *h, struct batch **batch, struct question *question)
{
    pthread_mutex_lock(&h->mutex);
    while (!h->filled && !h->asked && !h->ended)
        pthread_cond_wait(&h->changed, &h->mutex);
    bool work = h->filled || h->asked;
    *batch = h->filled;
    h->filled = NULL;
    if (work && !*batch) {
        *question = h->question;
        h->question = (struct question){0};
        h->asked = false;
    }
    pthread_mutex_unlock(&h->mutex);
    return work;
}

void handover_done(struct handover *h, struct batch *batch, bool dropped)
{
    batch_clear(batch);
    pthread_mutex_lock(&h->mutex);
    h->empty = batch;
    h->start_over = h->start_over || dropped;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
    h->wake(h->context);
}

void handover_answer(struct handover *h, struct question question)
{
    pthread_mutex_lock(&h->mutex);
    h->reply = question;
    h->replied = true;
    pthread_mutex_unlock(&h->mutex);
    h->wake(h->context);
}
