/* Dead letters: messages that can never be delivered, with the reason, in a log of the spool's record format
 * in the same folder (dead-letters.log). Appended by the bridge while it runs; listed, exported, retried and
 * dropped by its tool. */
#ifndef ROOMSTREAM_SPOOL_DEAD_LETTERS_H
#define ROOMSTREAM_SPOOL_DEAD_LETTERS_H

#include "spool.h"

struct dead_letters;

/* Opens the log in the spool's folder; its first letter creates it. A torn tail is cut off as in the spool.
 * The caller holds the spool's lock (has it open) if it writes; with read_only nothing is created or cut and
 * no lock is needed. NULL with *error. One thread uses the letters, unless another is named. */
struct dead_letters *dead_letters_open(const char *directory, bool read_only, struct error *error);
void dead_letters_close(struct dead_letters *letters);

/* Appends the record (id, time, topic, ... unchanged) with record->reason, and syncs it. Only then may
 * spool_dead be called. Appending an id that the log already holds succeeds and does nothing, so a kill
 * between the two calls doubles nothing. False with *error, and nothing of it remains. */
bool dead_letters_append(struct dead_letters *letters, const struct spool_record *record,
                         struct error *error);

/* Gets a letter, whose pointers are valid during the call. */
typedef bool dead_letter_visit(void *context, const struct spool_record *record);

/* Has visit called for each letter that comes to the log from now on, once it is durable there; an id that
 * the log already holds does not come again. By the thread that appends. */
void dead_letters_watch(struct dead_letters *letters, dead_letter_visit *visit, void *context);

/* Number of letters in the log and its size in bytes, 0 if there is none. Any thread. */
uint64_t dead_letters_count(const struct dead_letters *letters);
int64_t dead_letters_bytes(const struct dead_letters *letters);

/* Calls visit for each letter in order. visit returns false to stop early (which is success). False with
 * *error on an I/O error or corruption. */
bool dead_letters_each(struct dead_letters *letters, dead_letter_visit *visit, void *context,
                       struct error *error);

/* Removes the letters for which `remove` returns true, by writing the rest to a new file that replaces the
 * log atomically. Returns how many in *removed. False with *error: if *removed is not 0,
 * they are removed, but a power loss could bring them back. */
bool dead_letters_remove(struct dead_letters *letters, dead_letter_visit *remove, void *context,
                         uint64_t *removed, struct error *error);

#endif
