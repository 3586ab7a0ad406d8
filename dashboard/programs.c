#include "programs.h"

#include "core/clock.h"
#include "core/json_text.h"
#include "core/stop.h"
#include "core/thread.h"
#include "status/bridges.h"
#include "status/fetch.h"
#include "status/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const int64_t interval = 2 * SECOND;

struct programs {
    const struct status_settings *settings;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    char *text;            /* JSON; NULL: nobody has been asked yet */
    unsigned long version;
};

/* ---- the thread ---- */

static json_t *titles(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        json_array_append_new(list, json_string(table_title(i)));
    return list;
}

static json_t *row(const struct bridge_state *state)
{
    char cell[TABLE_CELL];
    json_t *cells = json_array(), *problems = json_array();
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
        table_cell(state, i, cell);
        json_array_append_new(cells, json_text(cell));
    }
    for (int i = 0; i < state->problem_count; i++)
        json_array_append_new(problems, json_text(state->problems[i]));
    return json_pack("{s:o, s:b, s:o}", "cells", cells, "well", state->well, "problems", problems);
}

/* `why` there are none, or NULL. */
static void keep(struct programs *p, const struct bridge_state *states, size_t count, const char *why)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, row(&states[i]));
    json_t *all = json_pack("{s:o, s:o, s:o}", "titles", titles(), "rows", rows, "none",
                            why ? json_text(why) : json_null());
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    if (!text)
        return;
    pthread_mutex_lock(&p->mutex);
    char *before = p->text;
    p->text = text;
    p->version++;
    pthread_mutex_unlock(&p->mutex);
    free(before);
}

/* Programs come and go: who there is to ask is found out each time. */
static void ask(struct programs *p)
{
    struct targets targets;
    struct error error;
    bool found = targets_read(p->settings, &targets, &error);
    struct bridge_state *states = found ? calloc(targets.count, sizeof *states) : NULL;
    if (!found)
        keep(p, NULL, 0, error.text);
    else if (states && bridges_ask(&targets, p->settings, states))
        keep(p, states, targets.count, NULL);
    if (states)
        bridges_free(states, targets.count);
    free(states);
    targets_free(&targets);
}

static void *run(void *context)
{
    do
        ask(context);
    while (!stop_wait(interval));
    return NULL;
}

/* ---- the main thread ---- */

struct programs *programs_open(const struct status_settings *settings, struct error *error)
{
    struct programs *p = calloc(1, sizeof *p);
    if (!p || !fetch_init()) {
        error_set(error, "the bridges cannot be asked: out of memory");
        free(p);
        return NULL;
    }
    p->settings = settings;
    pthread_mutex_init(&p->mutex, NULL);
    int reason = thread_start(&p->thread, run, p);
    if (reason == 0)
        return p;
    error_set(error, "cannot start a thread: %s", strerror(reason));
    pthread_mutex_destroy(&p->mutex);
    free(p);
    return NULL;
}

void programs_write(struct programs *p, FILE *out)
{
    pthread_mutex_lock(&p->mutex);
    fputs(p->text ? p->text : "{\"titles\":[],\"rows\":[],\"none\":null}", out);
    pthread_mutex_unlock(&p->mutex);
}

unsigned long programs_version(struct programs *p)
{
    pthread_mutex_lock(&p->mutex);
    unsigned long version = p->version;
    pthread_mutex_unlock(&p->mutex);
    return version;
}

void programs_close(struct programs *p)
{
    if (!p)
        return;
    pthread_join(p->thread, NULL);
    pthread_mutex_destroy(&p->mutex);
    free(p->text);
    free(p);
}
