/* The file of --resume: how far a replay has come, so that one that was killed or stopped continues there.
 * Nothing is missing then, and at most `--window` messages are doubled for each kill.
 *
 * Lifecycle:
 *   resume_open     reads the file or makes it; without --resume nothing is kept and all is sent
 *   resume_mark     where the replay begins; resume_has: has this message arrived already?
 *   resume_save     before each message
 *   resume_complete once all have arrived
 *   resume_close
 *
 * What is written survives the death of the process at any instant. After a power loss the file may be some
 * seconds older: then more is doubled, and nothing is missing. One process has a file at a time. One thread.
 */
#ifndef ROOMSTREAM_PUBLISH_RESUME_H
#define ROOMSTREAM_PUBLISH_RESUME_H

#include "core/error.h"
#include "replay.h"

#include <stdbool.h>
#include <stdint.h>

/* What changes in the file. */
struct resume_record {
    uint64_t magic;
    uint64_t description_length; /* bytes */
    uint64_t position;           /* every message up to this number has arrived */
    uint64_t complete;           /* 1: it is that of the last message */
    struct replay_mark mark;     /* of the loop to begin with: no later than the message after the position */
    uint64_t checksum;           /* of all before it */
};

struct resume {
    const char *path; /* NULL: without --resume */
    int fd;
    struct resume_record record; /* as it is in the file */
    struct replay_mark next;     /* to be kept when the position reaches it */
    int64_t synced;              /* monotonic ns */
    bool failed;                 /* the file cannot be written any more */
};

/* Opens the file at `path`, which outlives the resume (NULL: without --resume), and says in the log where the
 * replay continues. `description` says in `name = value` lines what is replayed and how it is sent; `base` is
 * that of a replay that begins from the start. False with *error when the file cannot be had, is in use by
 * another process, is damaged, or is of a replay with another description: that error says what differs. Such
 * a file stays as it is. */
bool resume_open(struct resume *resume, const char *path, const char *description, int64_t base,
                 struct error *error);

/* Returns when everything is on disk. False when that failed, which is logged. */
bool resume_close(struct resume *resume);

/* Whether the replay is complete already. */
bool resume_is_complete(const struct resume *resume);

/* Where the replay begins; `base` is that of a replay that begins from the start. */
struct replay_mark resume_mark(const struct resume *resume, int64_t base);

/* Whether all messages up to that one have arrived, as far as was saved. True without --resume: there is
 * nothing to save. */
bool resume_reached(const struct resume *resume, uint64_t number);

/* Whether the message has arrived before. */
bool resume_has(const struct resume *resume, uint64_t number);

/* Every message up to `position` has arrived; `mark` is of the loop that is being replayed. Call it before a
 * message is sent, so that never more than the window is sent and not saved. False when the file cannot be
 * written, which is logged once: then send no more. `now` is monotonic ns. */
bool resume_save(struct resume *resume, uint64_t position, const struct replay_mark *mark, int64_t now);

/* All messages of the replay have arrived. */
void resume_complete(struct resume *resume);

#endif
