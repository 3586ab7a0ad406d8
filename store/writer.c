#include "writer.h"

#include "core/backoff.h"
#include "core/clock.h"
#include "core/event.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "core/stop.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writer {
    const struct database_kind *kind;
    struct database_settings settings;
    struct database *database;
    struct handover *handover;
    struct progress *progress;
    pthread_t thread;
    int give_up; /* an event */
    bool connected, ever_connected;
    int64_t away_since; /* monotonic ns; 0: it answers */
    struct backoff backoff;
    struct log_limit away, rejected;
    struct error reason; /* that was told last */
    struct database_step *steps;
    size_t step_room;
    _Atomic bool failed;
};

/* ---- a database that is away ---- */

static bool is_given_up(const struct writer *w)
{
    struct pollfd event = {.fd = w->give_up, .events = POLLIN};
    return poll(&event, 1, 0) > 0;
}

/* What was held back was of another trouble. */
static void start_over(struct log_limit *limit)
{
    limit->last = 0;
    limit->held = 0;
}

static void tell_away(struct writer *w, const struct error *reason)
{
    if (!w->away_since)
        w->away_since = clock_monotonic();
    w->connected = false;
    progress_database(w->progress, reason->text);
    if (strcmp(reason->text, w->reason.text) != 0)
        start_over(&w->away);
    w->reason = *reason;
    log_limited(&w->away, LOG_LEVEL_WARNING, database_away, LOG_FIELDS(LOG_TEXT("reason", reason->text)),
                "the database cannot be used, and is waited for: %s", reason->text);
}

/* The database answers: a write, or a question alone, has succeeded. */
static void tell_back(struct writer *w)
{
    if (w->ever_connected && !w->away_since)
        return;
    int64_t away = w->away_since ? clock_monotonic() - w->away_since : 0;
    char shown[256];
    database_shown(w->settings.address, shown, sizeof shown);
    if (!w->ever_connected)
        log_info_with(database_connected, LOG_FIELDS(LOG_TEXT("database", shown)), "connected to %s", shown);
    else
        log_info_with(database_back, LOG_FIELDS(LOG_NUMBER("away_ms", away / MILLISECOND)),
                      "the database can be used again, after %.1f s", (double)away / SECOND);
    w->away_since = 0;
    start_over(&w->away);
    w->ever_connected = true;
    backoff_reset(&w->backoff);
    progress_database(w->progress, "");
}

/* False once it is given up. */
static bool wait_a_little(struct writer *w)
{
    struct pollfd event = {.fd = w->give_up, .events = POLLIN};
    return poll(&event, 1, (int)(backoff_next(&w->backoff) / MILLISECOND)) == 0;
}

/* A database that is wrong from the start ends the program. One that becomes wrong later may be corrected. */
static bool is_final(struct writer *w, enum database_result result, const struct error *error)
{
    if (result != DATABASE_WRONG || w->ever_connected)
        return false;
    log_error(database_wrong, "%s", error->text);
    atomic_store(&w->failed, true);
    stop_request();
    return true;
}

/* Connects, however long that takes. False once it is given up. */
static bool connect_database(struct writer *w)
{
    struct error error;
    while (!w->connected) {
        if (is_given_up(w) || atomic_load(&w->failed))
            return false;
        enum database_result result = w->kind->connect(w->database, &error);
        w->connected = result == DATABASE_DONE;
        if (w->connected)
            break;
        if (is_final(w, result, &error))
            return false;
        tell_away(w, &error);
        if (!wait_a_little(w))
            return false;
    }
    return true;
}

/* Reads the positions of the partitions, however long that takes. False once it is given up. */
static bool ask_positions(struct writer *w, struct database_position *positions, size_t count)
{
    struct error error;
    for (;;) {
        if (!connect_database(w))
            return false;
        if (w->kind->positions(w->database, positions, count, &error) == DATABASE_DONE)
            break;
        tell_away(w, &error);
        if (!wait_a_little(w))
            return false;
    }
    return true;
}

/* ---- writing a batch, or a piece of it ---- */

static void add_message(struct writer *w, const struct batch *batch, size_t index, struct database_work *work,
                        int64_t *expected)
{
    const struct message *message = &batch->messages[index];
    const struct part *part = &batch->parts[message->part];
    size_t i = 0;
    while (i < work->step_count &&
           (w->steps[i].topic != part->topic || w->steps[i].partition != part->partition))
        i++;
    if (i == work->step_count) {
        work->step_count++;
        w->steps[i] = (struct database_step){part->topic, part->partition, expected[message->part], 0, 0};
    }
    w->steps[i].next = message->offset + 1;
    w->steps[i].mark = (int64_t)index; /* until all are in */
}

/* The transaction of the messages [first, end). Each partition goes on behind the messages before them. */
static struct database_work make_work(struct writer *w, const struct batch *batch, size_t first, size_t end)
{
    struct database_work work = {.batch = batch, .first = first, .end = end};
    int64_t *expected = calloc(batch->part_count, sizeof *expected);
    if (batch->part_count > w->step_room) {
        w->step_room = batch->part_count;
        w->steps = realloc(w->steps, w->step_room * sizeof *w->steps);
    }
    if (!expected || !w->steps)
        out_of_memory(batch->part_count * sizeof *w->steps);
    for (size_t i = 0; i < batch->part_count; i++)
        expected[i] = batch->parts[i].expected;
    for (size_t i = 0; i < first; i++)
        expected[batch->messages[i].part] = batch->messages[i].offset + 1;
    for (size_t i = first; i < end; i++)
        add_message(w, batch, i, &work, expected);
    for (size_t i = 0; i < work.step_count; i++) {
        const struct message *last = &batch->messages[w->steps[i].mark];
        w->steps[i].mark = batch_mark(last->timestamp, last->key, last->payload);
    }
    work.steps = w->steps;
    free(expected);
    return work;
}

enum standing { STANDING_BEFORE, STANDING_BEHIND, STANDING_ELSEWHERE, STANDING_GIVEN_UP };

/* Whether a write without an answer was committed: all its positions move together. */
static enum standing ask_standing(struct writer *w, const struct database_work *work)
{
    struct database_position *positions = calloc(work->step_count, sizeof *positions);
    bool before = true, behind = true;
    if (!positions)
        out_of_memory(work->step_count * sizeof *positions);
    for (size_t i = 0; i < work->step_count; i++)
        positions[i] = (struct database_position){work->steps[i].topic, work->steps[i].partition, -1, 0};
    bool known = ask_positions(w, positions, work->step_count);
    for (size_t i = 0; i < work->step_count; i++) {
        before = before && positions[i].next == work->steps[i].expected;
        behind =
            behind && positions[i].next == work->steps[i].next && positions[i].mark == work->steps[i].mark;
    }
    free(positions);
    return !known   ? STANDING_GIVEN_UP
           : behind ? STANDING_BEHIND
           : before ? STANDING_BEFORE
                    : STANDING_ELSEWHERE;
}

static void tell_moved(struct writer *w, const struct error *error)
{
    progress_count(w->progress, &w->progress->counts.start_overs, 1);
    log_info(position_moved, "%s: what was not stored is read again from where the database stands",
             error->text);
}

static bool write_piece(struct writer *w, struct batch *batch, size_t first, size_t end);

/* The database refuses one of the messages: halves are tried until it stands alone, and is rejected. */
static bool divide(struct writer *w, struct batch *batch, size_t first, size_t end, const struct error *error)
{
    if (end - first > 1) {
        size_t middle = first + (end - first) / 2;
        return write_piece(w, batch, first, middle) && write_piece(w, batch, middle, end);
    }
    struct message *message = &batch->messages[first];
    batch_reject(batch, message, error->text);
    log_limited(&w->rejected, LOG_LEVEL_WARNING, message_rejected,
                LOG_FIELDS(LOG_TEXT("topic", batch->parts[message->part].topic),
                           LOG_NUMBER("partition", batch->parts[message->part].partition),
                           LOG_NUMBER("offset", message->offset)),
                "the database refuses a message of the topic '%s': %s", batch->parts[message->part].topic,
                error->text);
    return write_piece(w, batch, first, end);
}

/* False: the rest of the batch is dropped. */
static bool write_piece(struct writer *w, struct batch *batch, size_t first, size_t end)
{
    struct error error;
    for (;;) {
        if (!connect_database(w))
            return false;
        struct database_work work = make_work(w, batch, first, end);
        int64_t begun = clock_monotonic();
        enum database_result result = w->kind->write(w->database, &work, &error);
        /* If a row of reject is refused, as by a constraint of the user's, no message is to blame. */
        bool alone = end - first == 1 && batch->messages[first].kind == MESSAGE_REJECT;
        if (result == DATABASE_REFUSED && !alone)
            return divide(w, batch, first, end, &error);
        if (result == DATABASE_MOVED) {
            tell_moved(w, &error);
            return false;
        }
        if (result != DATABASE_DONE) {
            tell_away(w, &error);
            if (!wait_a_little(w))
                return false;
            enum standing standing = ask_standing(w, &work);
            if (standing == STANDING_BEFORE)
                continue;
            if (standing == STANDING_ELSEWHERE)
                tell_moved(w, &error);
            if (standing != STANDING_BEHIND)
                return false;
        }
        tell_back(w);
        progress_committed(w->progress, batch, first, end, clock_monotonic() - begun);
        return true;
    }
}

/* ---- the thread ---- */

static void *run(void *context)
{
    struct writer *w = context;
    struct batch *batch;
    struct question question;
    /* At once, to make the tables and notice a wrong database before messages come. */
    if (ask_positions(w, NULL, 0))
        tell_back(w);
    while (handover_take(w->handover, &batch, &question)) {
        if (batch) {
            bool written = write_piece(w, batch, 0, batch->message_count);
            handover_done(w->handover, batch, !written);
        } else if (ask_positions(w, question.positions, question.count)) {
            tell_back(w);
            handover_answer(w->handover, question);
        } else
            question_free(&question);
    }
    return NULL;
}

struct writer *writer_open(const struct database_kind *kind, const struct database_settings *settings,
                           struct handover *handover, struct progress *progress, struct error *error)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w)
        out_of_memory(sizeof *w);
    *w = (struct writer){
        .kind = kind,
        .settings = *settings,
        .handover = handover,
        .progress = progress,
        .give_up = event_open(),
        .backoff = {.first = SECOND / 10, .longest = 5 * SECOND},
        .away = {.interval = 30 * SECOND},
        .rejected = {.interval = 30 * SECOND},
    };
    w->settings.stop = w->give_up;
    w->database = kind->open(&w->settings);
    if (w->give_up >= 0 && pthread_create(&w->thread, NULL, run, w) == 0)
        return w;
    error_set(error, "cannot start the thread that writes: there is no memory, or no descriptor, for it");
    kind->close(w->database);
    free(w);
    return NULL;
}

bool writer_failed(const struct writer *w)
{
    return atomic_load(&w->failed);
}

void writer_close(struct writer *w, int64_t ns)
{
    int64_t deadline = clock_monotonic() + ns;
    const struct timespec limit = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND};
    if (pthread_clockjoin_np(w->thread, NULL, CLOCK_MONOTONIC, &limit) != 0) {
        event_raise(w->give_up);
        pthread_join(w->thread, NULL);
    }
    w->kind->close(w->database);
    close(w->give_up);
    free(w->steps);
    free(w);
}
