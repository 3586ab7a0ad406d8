/* The spool: an append-only segment log in a folder of its own. It is the durable queue between a receiver,
 * which acknowledges a message only after it is stored, and a forwarder, which gives it up only after it is
 * delivered. It knows nothing of MQTT or Kafka. The file format is described in docs/spool-format.md.
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
    SPOOL_SYNC_NONE,     /* the kernel decides when to write back */
    SPOOL_SYNC_INTERVAL, /* fdatasync in the background every sync_interval in which something was appended */
    SPOOL_SYNC_ALWAYS,   /* fdatasync before an append returns; in the background for the position */
};

struct spool_settings {
    const char *directory; /* created if missing (its parent must exist), mode 0700 */
    int64_t segment_bytes; /* a new segment is begun beyond this size */
    /* Limit of all segments together; 0: none. A message is always accepted when nothing else is spooled, a
     * record of another kind always. */
    int64_t max_bytes;
    int sync;              /* enum spool_sync */
    int64_t sync_interval; /* ns */
    size_t window;         /* how many ids the reader may be ahead of the position */
    /* Instead of failing, replace damaged files by their whole records; the damaged files are kept as
     * NAME.corrupt. */
    bool repair;
};

enum { SPOOL_SEGMENT_BYTES = 16 << 20 }; /* the usual segment_bytes */

/* The segment_bytes for a spool of at most max_bytes: the wanted ones, but an eighth of the bound at most, as
 * disk space comes back a segment at a time. */
int64_t spool_segment_size(int64_t wanted, int64_t max_bytes);

struct spool;

/* Opens or creates the spool in settings->directory: takes its lock, cuts off what a kill or a power loss
 * left half written (logged with its size), restores the position. Reads everything that is spooled, and the
 * dead letters, once; a file that is repaired, twice. NULL with *error when another process has locked it
 * (with its pid), or when it is damaged, of another format version, or cannot be read or written. Then
 * nothing in the folder is changed, unless writing failed. settings are copied. The process ignores SIGXFSZ
 * from then on, unless it handles it, so that a limit on the size of files is an error of the append. */
struct spool *spool_open(const struct spool_settings *settings, struct error *error);

/* Saves the position, syncs unless SPOOL_SYNC_NONE, unlocks, frees. NULL is allowed. */
void spool_close(struct spool *spool);

/* Identifies the spool for ever: 36 characters, as uuid_unparse_lower. Valid until spool_close. */
const char *spool_uuid(const struct spool *spool);

enum spool_append_result {
    SPOOL_APPENDED,
    SPOOL_FULL,   /* a message, and max_bytes is reached: try again after deliveries */
    SPOOL_FAILED, /* *error says why (disk full, I/O error): nothing of the record remains; try again. A part
                     that is too long stays so: it must be cut before */
};

/* Appends a record (id is assigned and stored in *id if id is not NULL; time is taken as given). The record
 * is stored only if SPOOL_APPENDED is returned: with one write() in the common case, plus a sync with
 * SPOOL_SYNC_ALWAYS. Never partly: what a failed write left is cut off before the next append. No allocation
 * per record. */
enum spool_append_result spool_append(struct spool *spool, const struct spool_record *record, uint64_t *id,
                                      struct error *error);

/* Did the machine go down while the spool was open? Then what was not synced may be lost. Any thread. */
bool spool_lost_power(const struct spool *spool);

/* Is this QoS 2 packet id stored and not yet released? Any thread. */
bool spool_holds(struct spool *spool, uint16_t packet_id);

/* Is this message, by its topic, properties and payload, the one that is stored under its packet id and not
 * yet released? Also true where only the id is left: the message is delivered, its segment removed, and the
 * spool was opened since. Any thread. */
bool spool_holds_message(struct spool *spool, const struct spool_record *record);

/* The unreleased packet ids in the order in which they were stored; at most 65,535. Returns their number. */
size_t spool_unreleased(struct spool *spool, uint16_t ids[static 65535]);

/* How many packet ids are unreleased. Any thread; lock-free. */
size_t spool_unreleased_count(const struct spool *spool);

enum spool_read_result {
    SPOOL_READ_RECORD,
    SPOOL_READ_NOTHING, /* everything that was appended has been read */
    SPOOL_READ_WINDOW,  /* the reader is as far ahead of the position as it may be: deliver some first */
    SPOOL_READ_FAILED,  /* *error: I/O error or damage; the next call tries the same record again */
};

/* The next SPOOL_MESSAGE that is neither read nor delivered (other kinds are skipped); *record is undefined
 * unless SPOOL_READ_RECORD is returned. The record's pointers are valid until the next spool_read,
 * spool_rewind or spool_close, or a spool_advance to beyond the next record. Reads segments in large pieces:
 * no system call per record. */
enum spool_read_result spool_read(struct spool *spool, struct spool_record *record, struct error *error);

/* Reading starts again at the position, the lowest id not yet delivered, and skips what is delivered
 * already. */
void spool_rewind(struct spool *spool);

/* Notes that the message is delivered, in memory until spool_save. Messages that were read may be delivered
 * in any order, also those read before a rewind. Unknown and already delivered ids are ignored. */
void spool_delivered(struct spool *spool, uint64_t id);

/* The same for a message that became a dead letter (see dead_letters.h). */
void spool_dead(struct spool *spool, uint64_t id);

/* Everything below `id` is delivered, whatever was read (for a position that is kept elsewhere). If `id` is
 * below the position or above the next id: false, and nothing changes. Reading continues where it was, or at
 * `id` if that is greater. What was not read is read now, to count it. Where that fails the position stops,
 * and the next spool_read says why. */
bool spool_advance(struct spool *spool, uint64_t id);

/* Writes the position to its file if it moved and removes the segments wholly below it. The saved position
 * survives SIGKILL. A failure is logged once in a while, and the next call tries again: an old position costs
 * doubles, never losses. */
void spool_save(struct spool *spool);

/* The id that the next record will have. Any thread; lock-free: a cheap test for "is there something to
 * read". */
uint64_t spool_next_id(const struct spool *spool);

/* Waits for at most `longest` ns: until something is appended after spool_next_id was `seen`, or does not
 * fit, or spool_wake is called. The forwarder alone. */
void spool_wait(struct spool *spool, uint64_t seen, int64_t longest);

/* Ends the current spool_wait, or else the next one. Any thread. */
void spool_wake(struct spool *spool);

/* Makes spool_save raise `event` (event.h), once, when all segments together have at most `bytes`. Event -1
 * cancels this. Any thread. */
void spool_notify_below(struct spool *spool, int64_t bytes, int event);

/* Makes everything that was appended durable now. Any thread. False with *error. It then fails until
 * everything that was appended before is delivered, since the kernel may have dropped what it could not
 * write. */
bool spool_sync(struct spool *spool, struct error *error);

struct spool_stats {                    /* received = delivered + dead + spooled, always */
    uint64_t received, delivered, dead; /* messages since the spool was created, kept across restarts */
    uint64_t spooled;                   /* messages stored and neither delivered nor dead */
    uint64_t position, next_id;
    int64_t bytes;       /* of all segments */
    int64_t max_bytes;   /* as set; 0: no limit */
    int64_t oldest_time; /* realtime ns of the oldest spooled message (as of the last read), 0 if none */
    uint64_t in_flight;  /* read and not delivered */
};

/* Any thread; lock-free. */
void spool_get_stats(struct spool *spool, struct spool_stats *stats);

/* The outcome of all messages since the spool was created, as it is on disk: received is what is stored,
 * delivered and dead are what the position file says. So a SIGKILL lowers no count; only a power loss can. A
 * delivery counts once all older messages have an outcome and spool_save has written that. */
struct spool_ledger {
    uint64_t received, delivered, dead;
    uint64_t spooled; /* received - delivered - dead */
};

/* Any thread; lock-free, so that a disk that hangs does not block the caller. */
void spool_get_ledger(const struct spool *spool, struct spool_ledger *ledger);

#endif
