/* The spool's state, and what its parts share. Each part is a file: spool.c opens and closes, recovery.c
 * restores the state from the files, append.c is the receiver's side, read.c the forwarder's, save.c the
 * position and its durability. */
#ifndef ROOMSTREAM_SPOOL_INTERNAL_H
#define ROOMSTREAM_SPOOL_INTERNAL_H

#include "background.h"
#include "core/log.h"
#include "folder.h"
#include "position.h"
#include "record_reader.h"
#include "segment.h"
#include "segment_list.h"
#include "signals.h"
#include "spool.h"
#include "unreleased.h"
#include "window.h"

#include <pthread.h>
#include <stdatomic.h>

/* Where a record is in the files. */
struct record_place {
    uint64_t id;
    uint64_t segment; /* its first id; 0: nowhere */
    int64_t offset;
};

/* Mutexes are taken in this order: sync, append, state. */
struct spool {
    struct spool_settings settings; /* without the directory */
    struct folder folder;
    uuid_t uuid;
    char uuid_text[UUID_STR_LEN];
    bool lost_power; /* before this process opened it */
    int lock_fd;
    struct signals signals;

    pthread_mutex_t append_mutex; /* guards, for appending: */
    struct segment active;
    struct unreleased unreleased;

    pthread_mutex_t state_mutex; /* held briefly, except to write the position; guards: */
    struct segment_list segments;
    struct position saved; /* what the position file holds */
    bool folder_changed;   /* a segment was created since the folder was synced */
    int position_fd;

    pthread_mutex_t sync_mutex; /* one sync at a time; guards: */
    uint64_t
        unsure_below; /* a sync failed: records below this id may not be durable, whatever later syncs say */
    struct background background;   /* syncs, unless SPOOL_SYNC_NONE */
    struct log_limit sync_failures; /* its thread's */

    /* The forwarder's: */
    struct window window;
    uint64_t saved_id; /* the position in the file */
    struct record_reader reader;
    uint64_t read_segment;               /* the first id of the segment that the reader has open, 0: none */
    int64_t read_end;                    /* up to where it may read there */
    uint64_t cursor;                     /* the id of the record at the reader's offset */
    bool placed;                         /* false: reading starts again at the position */
    struct record_place mark, next_mark; /* the mark is not beyond the position, and not far behind it */
    struct log_limit save_failures;

    /* Written by the appending thread under its mutex, read by any. A message is counted before next_id shows
     * it. */
    _Atomic uint64_t next_id, received;
    _Atomic int64_t
        committed_end; /* of the active segment; changes to another segment's under the state mutex */
    _Atomic int64_t bytes;
    _Atomic size_t unreleased_count;
    _Atomic int64_t waiting_time; /* realtime ns of the oldest message not read, as far as is known */

    /* Published by the forwarder, read by any. */
    _Atomic uint64_t position, delivered, dead, in_flight;
    _Atomic int64_t oldest_time;                  /* of the message at the position, 0 if it is not read */
    _Atomic uint64_t saved_delivered, saved_dead; /* what the position file says, or said a moment ago */
};

/* Restores everything from the files, or creates them; starts no threads. False with *error. The caller must
 * free descriptors, lists and window in any case. */
bool spool_recover(struct spool *spool, struct error *error);

/* Begins a new segment. The append mutex is held. False with errno. */
bool spool_rotate(struct spool *spool);

/* What a record does to the set of unreleased packet ids. */
void spool_apply_packet_id(struct unreleased *unreleased, const struct spool_record *record);

/* Shows the forwarder's counts to the other threads. */
void spool_publish(struct spool *spool);

/* Shows the other threads the counts of the position file, after it was written. */
void spool_publish_saved(struct spool *spool);

/* Sets *error to what is wrong in a file, where, and what the user can do. Returns false. */
bool spool_damaged(const struct folder *folder, const char *name, int64_t offset, const char *what,
                   struct error *error);

/* Makes the folder's entries durable, if a segment was created since that was last done. False with errno. */
bool spool_sync_folder(struct spool *spool);

/* Runs in the background: syncs, and logs a failure. */
void spool_sync_task(void *spool);

/* Marks the spool as closed with nothing unsynced: the last write to the position file. */
void spool_save_clean(struct spool *spool);

#endif
