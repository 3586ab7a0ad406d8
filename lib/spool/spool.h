/* The spool: an append-only segment log in a folder of its own, the durable queue between a receiver that may
 * acknowledge a message only once it is stored and a forwarder that may forget it only once it is delivered.
 * It knows nothing of MQTT or Kafka. The file format is described in docs/spool-format.md.
 *
 * Threads: spool_append by any thread (serialized inside); spool_read, spool_rewind, spool_delivered,
 * spool_dead, spool_advance, spool_wait and spool_save by one thread, the forwarder; the rest by any thread.
 * A thread of the spool's own syncs.
 *
 * After a SIGKILL at any instant nothing appended is lost; after a power loss at most what was appended since
 * the last sync (spool_sync), and the spool stays readable. */
#ifndef ROOMSTREAM_SPOOL_SPOOL_H
#define ROOMSTREAM_SPOOL_SPOOL_H

#include "core/error.h"
#include "spool_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spool_sync {
    SPOOL_SYNC_NONE,     /* the kernel writes back when it likes */
    SPOOL_SYNC_INTERVAL, /* fdatasync in the background every sync_interval in which something was appended */
    SPOOL_SYNC_ALWAYS,   /* fdatasync before an append returns; in the background for the position */
};

struct spool_settings {
    const char *directory; /* created if missing (its parent must exist), mode 0700 */
    int64_t segment_bytes; /* a new segment is begun beyond this size */
    /* Bound of all segments together; 0: none. A message is always taken when nothing else is spooled, a
     * record of another kind always. */
    int64_t max_bytes;
    int sync;              /* enum spool_sync */
    int64_t sync_interval; /* ns */
    size_t window;         /* how many ids reading may be ahead of the position */
    /* Replace damaged files by what is whole in them instead of failing; they are kept as NAME.corrupt. */
    bool repair;
};

struct spool;

/* Opens or creates the spool in settings->directory: takes its lock, cuts off what a kill or a power loss
 * left half written (logged with its size), restores the position. Reads everything that is spooled once, and
 * the dead letters; what is repaired, twice. NULL with *error when it is locked by another process (with that
 * one's pid), damaged, of another format version, or cannot be read or written: then nothing in the folder is
 * changed, unless writing failed. settings are copied. Has the process ignore SIGXFSZ unless it
 * handles that, so that a limit on the size of files is an error of the append. */
struct spool *spool_open(const struct spool_settings *settings, struct error *error);

/* Saves the position, syncs unless SPOOL_SYNC_NONE, unlocks, frees. NULL is allowed. */
void spool_close(struct spool *spool);

/* Identifies the spool for its whole life: 36 characters, as uuid_unparse_lower. Valid until spool_close. */
const char *spool_uuid(const struct spool *spool);

enum spool_append_result {
    SPOOL_APPENDED,
    SPOOL_FULL,   /* a message, and max_bytes is reached: try again after deliveries */
    SPOOL_FAILED, /* *error says why (disk full, I/O error, a part too long): nothing of the record remains;
                     try again */
};

/* Appends a record (id is assigned and stored in *id if id is not NULL; time is taken as given). Only when
 * SPOOL_APPENDED is returned is it stored: with one write() in the common case, plus a sync with
 * SPOOL_SYNC_ALWAYS. Never partial: what a failed write left is cut off again before the next append. No
 * allocation per record. */
enum spool_append_result spool_append(struct spool *spool, const struct spool_record *record, uint64_t *id,
                                      struct error *error);

/* Did the machine go down without the spool being closed before? Then what was not synced may be lost. Any
 * thread. */
bool spool_lost_power(const struct spool *spool);

/* Is this QoS 2 packet id stored and not yet released? Any thread. */
bool spool_holds(struct spool *spool, uint16_t packet_id);

/* Is this message, by its topic, properties and payload, the one that is stored under its packet id and not
 * yet released? Also true where the id is all that is left of it: it is delivered, its segment removed, and
 * the spool was opened since. Any thread. */
bool spool_holds_message(struct spool *spool, const struct spool_record *record);

/* The unreleased packet ids in the order in which they were stored; at most 65,535. Returns their number. */
size_t spool_unreleased(struct spool *spool, uint16_t ids[static 65535]);

/* How many packet ids are unreleased. Any thread; lock-free. */
size_t spool_unreleased_count(const struct spool *spool);

enum spool_read_result {
    SPOOL_READ_RECORD,
    SPOOL_READ_NOTHING, /* all that was appended has been read */
    SPOOL_READ_WINDOW,  /* reading is as far ahead of the position as it may: deliver some first */
    SPOOL_READ_FAILED,  /* *error: I/O error or damage; the next call tries the same record again */
};

/* The next SPOOL_MESSAGE not yet read nor delivered (other kinds are passed over); *record holds anything
 * unless SPOOL_READ_RECORD is returned. The record's pointers are valid until the next spool_read,
 * spool_rewind or spool_close, or a spool_advance to beyond the next record. Reads segments in large pieces:
 * no system call per record. */
enum spool_read_result spool_read(struct spool *spool, struct spool_record *record, struct error *error);

/* Reading starts again at the position, the lowest id not yet delivered; what is delivered already is passed
 * over. */
void spool_rewind(struct spool *spool);

/* Records that the message is delivered; any order among those read, also those read before a rewind. Unknown
 * and already delivered ids are ignored. In memory until spool_save. */
void spool_delivered(struct spool *spool, uint64_t id);

/* The same for a message that goes to the dead letters (see dead_letters.h): counted as such. */
void spool_dead(struct spool *spool, uint64_t id);

/* Everything below `id` is delivered, whatever was read (for a position that is kept elsewhere). Not below
 * the position, not beyond the next id: false, and nothing changes. Reading goes on where it was, or at `id`
 * if that is further on. What was not read is read now, to count it; where that fails the position stops, and
 * the next spool_read tells why. */
bool spool_advance(struct spool *spool, uint64_t id);

/* Writes the position to its file if it moved and removes the segments wholly below it. Survives SIGKILL; a
 * failure is logged once in a while and tried again by the next call: an old position costs doubles, never
 * losses. */
void spool_save(struct spool *spool);

/* The id that the next record will have. Any thread; lock-free: a cheap test for "is there something to
 * read". */
uint64_t spool_next_id(const struct spool *spool);

/* Waits until something was appended since spool_next_id was `seen`, or did not fit, or spool_wake was
 * called; at most `longest` ns. The forwarder alone. */
void spool_wait(struct spool *spool, uint64_t seen, int64_t longest);

/* Ends the spool_wait under way, or else the next one. Any thread. */
void spool_wake(struct spool *spool);

/* Has spool_save raise `event` (event.h), once, when all segments together have at most `bytes`; -1 for the
 * event: not any more. Any thread. */
void spool_notify_below(struct spool *spool, int64_t bytes, int event);

/* Makes all that was appended durable now. Any thread. False with *error; it then fails until all that was
 * appended before is delivered, since the kernel may have dropped what it could not write. */
bool spool_sync(struct spool *spool, struct error *error);

struct spool_stats {                    /* received = delivered + dead + spooled, always */
    uint64_t received, delivered, dead; /* messages in the spool's life, kept across restarts */
    uint64_t spooled;                   /* messages stored and neither delivered nor dead */
    uint64_t position, next_id;
    int64_t bytes;       /* of all segments */
    int64_t max_bytes;   /* as set; 0: no bound */
    int64_t oldest_time; /* realtime ns of the oldest spooled message (as of the last read), 0 if none */
    uint64_t in_flight;  /* read and not delivered */
};

/* Any thread; lock-free. */
void spool_get_stats(struct spool *spool, struct spool_stats *stats);

/* What has become of all messages in the spool's life, by what is on disk: received is what is stored,
 * delivered and dead what the position file says. So a SIGKILL takes nothing of it back,
 * and no count ever goes down but after a power loss. Deliveries count once all older messages are settled
 * and spool_save has written that. */
struct spool_ledger {
    uint64_t received, delivered, dead;
    uint64_t spooled; /* received - delivered - dead */
};

/* Any thread; lock-free, so that a disk that hangs holds nobody up who asks. */
void spool_get_ledger(const struct spool *spool, struct spool_ledger *ledger);

#endif
