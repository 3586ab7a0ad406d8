/* The messages of a replay, one after the other: which rows and nodes, how often, with which times and
 * faults. The same settings, file and mark give the same messages; nothing depends on when they are asked
 * for. One thread. */
#ifndef ROOMSTREAM_PUBLISH_REPLAY_H
#define ROOMSTREAM_PUBLISH_REPLAY_H

#include "core/error.h"
#include "faults.h"
#include "input.h"
#include "message.h"
#include "readings.h"

#include <stdint.h>

struct replay_settings {
    const char *file; /* see input_open */
    struct readings_settings readings;
    int64_t limit; /* messages at most, over all loops; 0: no limit */
    int64_t loops; /* how often the file is replayed; 0: without end */
    struct fault_settings faults;
};

/* Where a loop begins: enough to begin there again without reading the loops before it. */
struct replay_mark {
    uint64_t loop;    /* from 0 */
    uint64_t number;  /* of the last message before it */
    uint64_t seq;     /* of the last reading before it */
    int64_t timeline; /* of its first row, see struct replay_message */
    int64_t base;     /* what the times are restamped from, ns since 1970-01-01: the time line's zero; or */
#define REPLAY_AS_RECORDED INT64_MIN
};

struct replay_message {
    /* Counts what is to be sent, from 1, over all loops and without a gap. */
    uint64_t number;
    /* What is to be sent. Its seq counts readings, also over all loops: one that
     * is missing leaves a gap, a doubled one has the same twice, a late one comes after greater ones. */
    struct message message;
    /* What is wrong with it. */
    enum fault fault;
    /* Readings of this column that are missing since the last message about it in this loop. */
    uint64_t missing;
    /* Recorded ns since the first row of the replay. Each loop continues the time line, by the time between
     * the file's first rows; it goes back where it does so within the file. */
    int64_t timeline;
};

enum replay_result { REPLAY_MESSAGE, REPLAY_END, REPLAY_FAILED };

struct replay;

/* Opens the file and reads its header. `ready` is called before each read. Everything pointed to outlives the
 * replay. NULL with *error when that fails. */
struct replay *replay_open(const struct replay_settings *settings, input_ready *ready, void *context,
                           struct error *error);
void replay_close(struct replay *replay);

/* Says where to begin, before the first replay_next: with the loop that the mark is of. The replay as a whole
 * begins with a mark that is zero but for its base. */
void replay_begin(struct replay *replay, const struct replay_mark *mark);

/* The next message. After REPLAY_END there are no more; with REPLAY_FAILED *error says what is wrong with the
 * file. Once `ready` has returned false, whatever this returns means nothing. */
enum replay_result replay_next(struct replay *replay, struct replay_message *message, struct error *error);

/* The mark of the loop that the last message belongs to. */
const struct replay_mark *replay_mark(const struct replay *replay);

/* The name of the file, for messages. */
const char *replay_file(const struct replay *replay);

/* See input_describe. */
void replay_describe(const struct replay *replay, FILE *out);

/* Rows read so far over all loops, without bad ones; bad rows skipped. */
uint64_t replay_rows(const struct replay *replay);
uint64_t replay_bad_rows(const struct replay *replay);

/* Readings so far with each fault, FAULT_KINDS of them. */
const uint64_t *replay_faults(const struct replay *replay);

/* The part of all loops that is done, from 0 to 1; -1 when that is not known. */
double replay_part(const struct replay *replay);

#endif
