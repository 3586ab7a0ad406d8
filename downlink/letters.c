#include "letters.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "core/state_folder.h"

#include <inttypes.h>
#include <stdlib.h>

struct letters {
    struct spool *spool;
    struct dead_letters *log;
    struct record_space space, read;
    uint64_t id; /* in the spool, of the message of letters_next */
    uint8_t flags;
};

struct letters *letters_open(const struct downlink_settings *settings, struct error *error)
{
    struct error reason;
    struct letters *l = calloc(1, sizeof *l);
    if (!l)
        out_of_memory(sizeof *l);
    l->flags = (uint8_t)(settings->qos | (settings->retain ? MESSAGE_RETAINED : 0));
    if (!make_folders(settings->spool, &reason))
        error_set(error, "%s: choose another with --spool", reason.text);
    else
        l->spool = spool_open(&(struct spool_settings){.directory = settings->spool,
                                                       .segment_bytes = 16 << 20,
                                                       .sync = SPOOL_SYNC_ALWAYS,
                                                       .sync_interval = SECOND,
                                                       .window = 1,
                                                       .repair = settings->spool_repair},
                              error);
    if (l->spool)
        l->log = dead_letters_open(settings->spool, false, error);
    if (l->log)
        return l;
    letters_close(l);
    return NULL;
}

bool letters_set_aside(struct letters *l, const struct record *record, const char *reason,
                       struct error *error)
{
    const struct spool_record letter = record_to_letter(&l->space, record, l->flags, reason);
    return dead_letters_append(l->log, &letter, error);
}

bool letters_next(struct letters *l, struct record *record)
{
    struct spool_record letter;
    struct error error;
    switch (spool_read(l->spool, &letter, &error)) {
    case SPOOL_READ_RECORD:
        l->id = letter.id;
        if (record_from_letter(&l->read, &letter, record))
            return true;
        log_error(dead_letter_foreign,
                  "what was put back as %" PRIu64
                  " is not a message of Kafka: it stays in the spool. Is the folder that of a bridge?",
                  letter.id);
        return false;
    case SPOOL_READ_FAILED:
        log_error(spool_read_failed, "%s", error.text);
        return false;
    case SPOOL_READ_NOTHING:
    case SPOOL_READ_WINDOW:
        return false;
    }
    abort();
}

void letters_settled(struct letters *l, bool dead)
{
    if (dead)
        spool_dead(l->spool, l->id);
    else
        spool_delivered(l->spool, l->id);
    spool_save(l->spool);
}

void letters_watch(struct letters *l, dead_letter_visit *visit, void *context)
{
    dead_letters_watch(l->log, visit, context);
}

uint64_t letters_count(const struct letters *l)
{
    return dead_letters_count(l->log);
}

void letters_close(struct letters *l)
{
    if (!l)
        return;
    if (l->log)
        dead_letters_close(l->log);
    spool_close(l->spool);
    record_space_free(&l->space);
    record_space_free(&l->read);
    free(l);
}
