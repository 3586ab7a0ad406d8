#include "actions.h"

#include "core/clock.h"
#include "core/exit_status.h"
#include "print.h"
#include "spool/dead_letters.h"
#include "spool/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct work {
    const struct letters_settings *settings;
    struct spool *spool; /* open for retry and drop only */
    struct dead_letters *letters;
    bool *found;       /* for each of settings->ids */
    uint64_t put_back; /* letters that are in the spool again */
    bool failed;
};

/* Is this letter meant? */
static bool chosen(struct work *w, uint64_t id)
{
    bool yes = w->settings->id_count == 0;
    for (size_t i = 0; i < w->settings->id_count; i++)
        if (w->settings->ids[i] == (int64_t)id)
            w->found[i] = yes = true;
    return yes;
}

static bool list(void *context, const struct spool_record *letter)
{
    return !chosen(context, letter->id) || print_line(letter);
}

static bool export(void *context, const struct spool_record *letter)
{
    return !chosen(context, letter->id) || print_json(letter);
}

static bool drop(void *context, const struct spool_record *letter)
{
    return chosen(context, letter->id);
}

/* For dead_letters_remove: true once the message is in the spool again. */
static bool put_back(void *context, const struct spool_record *letter)
{
    struct work *w = context;
    struct error error;
    if (w->failed || !chosen(w, letter->id))
        return false;
    if (letter->flags & MESSAGE_CUT) {
        log_warning(dead_letter_stays,
                    "letter %" PRIu64
                    " stays: only the beginning of the message is there. Export it, then drop it",
                    letter->id);
        return false;
    }
    struct spool_record message = *letter;
    message.packet_id = 0;
    message.reason = (struct spool_bytes){NULL, 0};
    switch (spool_append(w->spool, &message, NULL, &error)) {
    case SPOOL_APPENDED:
        w->put_back++;
        return true;
    case SPOOL_FULL:
        log_error(dead_letter_stays,
                  "the spool is full: letter %" PRIu64
                  " and later ones stay; run the bridge, then retry again",
                  letter->id);
        break;
    case SPOOL_FAILED:
        log_error(dead_letter_stays, "letter %" PRIu64 " cannot be put back: %s", letter->id, error.text);
        break;
    }
    w->failed = true;
    return false;
}

/* What is in the spool again is said also where this fails: with it, all of these letters stay. */
static bool retry_all(struct work *w, struct error *error)
{
    uint64_t removed;
    bool ok = dead_letters_remove(w->letters, put_back, w, &removed, error);
    printf("%" PRIu64 " put back into the spool", w->put_back);
    if (removed < w->put_back)
        printf(", and still among the dead letters: drop them, or the next retry doubles them");
    printf("\n");
    return ok;
}

static bool drop_all(struct work *w, struct error *error)
{
    uint64_t removed = 0;
    bool ok = dead_letters_remove(w->letters, drop, w, &removed, error);
    printf("%" PRIu64 " dropped\n", removed);
    return ok;
}

static bool act(struct work *w, struct error *error)
{
    switch (w->settings->action) {
    case LETTERS_LIST:
        return dead_letters_each(w->letters, list, w, error);
    case LETTERS_EXPORT:
        return dead_letters_each(w->letters, export, w, error);
    case LETTERS_RETRY:
        return retry_all(w, error);
    case LETTERS_DROP:
        return drop_all(w, error);
    }
    abort();
}

/* Its lock keeps a bridge from writing at the same time. A letter is removed only when its message is on
 * disk. */
static struct spool *open_spool(const struct letters_settings *settings, struct error *error)
{
    int64_t segment = spool_segment_size(SPOOL_SEGMENT_BYTES, settings->spool_max);
    return spool_open(&(struct spool_settings){.directory = settings->folder,
                                               .segment_bytes = segment,
                                               .max_bytes = settings->spool_max,
                                               .sync = SPOOL_SYNC_ALWAYS,
                                               .sync_interval = SECOND,
                                               .window = 1,
                                               .repair = settings->repair},
                      error);
}

static bool open_all(struct work *w, struct error *error)
{
    const char *folder = w->settings->folder;
    bool writes = w->settings->action == LETTERS_RETRY || w->settings->action == LETTERS_DROP;
    if (access(folder, F_OK) != 0)
        return error_set(error, "there is no spool at %s: %s (--spool names it)", folder, strerror(errno));
    if (writes && !(w->spool = open_spool(w->settings, error)))
        return false;
    w->letters = dead_letters_open(folder, !writes, error);
    return w->letters != NULL;
}

/* True when all that were named are there. */
static bool all_found(const struct work *w)
{
    bool all = true;
    for (size_t i = 0; i < w->settings->id_count; i++)
        if (!w->found[i]) {
            log_error(dead_letter_unknown, "there is no dead letter %" PRId64, w->settings->ids[i]);
            all = false;
        }
    return all;
}

int letters_act(const struct letters_settings *settings)
{
    struct work w = {.settings = settings, .found = calloc(settings->id_count + 1, sizeof(bool))};
    struct error error;
    bool ok = (w.found || error_set(&error, "out of memory")) && open_all(&w, &error) && act(&w, &error);
    if (ok && (fflush(stdout) != 0 || ferror(stdout)))
        ok = error_set(&error, "cannot write to stdout: %s", strerror(errno));
    if (!ok)
        log_error(dead_letters_failed, "%s", error.text);
    else
        ok = all_found(&w);
    if (w.letters)
        dead_letters_close(w.letters);
    spool_close(w.spool);
    free(w.found);
    return ok && !w.failed ? EXIT_DONE : EXIT_FAILED;
}
