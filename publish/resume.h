/* The file of --resume: how far a replay has come, so that one that was killed goes on where it stopped, and
 * the packets of MQTT's QoS 2 that are in flight (resume_packets.h).
 *
 * The file is mapped into memory: what is stored there survives the death of the process at any instant.
 * After a power loss it may be older, by a few seconds at most: then messages are sent again, and none is
 * missing. So that no packet that it does not know of is mistaken for another, it forgets all packets when
 * the machine was started anew. One process has a file at a time. Threads: one, but for the slots, see
 * resume_packets.h. */
#ifndef ROOMSTREAM_RESUME_H
#define ROOMSTREAM_RESUME_H

#include "error.h"
#include "replay.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resume_settings {
    const char *path;
    const char *description; /* what is replayed and how it is sent, as `name = value` lines */
    int64_t base;          /* of the replay's first mark, see struct replay_mark; only a new file takes it */
    const char *client_id; /* at most 127 bytes; only a new file takes it, see resume_client_id */
    size_t slot_count;     /* for packets in flight, 0: none are kept */
    size_t packet_max;     /* bytes, of one of them */
};

/* A packet that was sent. Message n has the slot n % slot_count. Only resume_packets.c touches them. */
struct resume_slot {
    _Atomic uint64_t number; /* of the message */
    uint64_t checksum;       /* of the rest but its state */
    uint32_t length;         /* of the packet, bytes */
    uint16_t packet_id;
    _Atomic uint16_t state;
    char packet[];
};

struct resume;

/* Opens the file, or makes it. NULL with *error when it cannot be had, is in use by another process, is
 * damaged, or is of a replay with another description: that error says what differs. */
struct resume *resume_open(const struct resume_settings *settings, struct error *error);

/* Returns when everything is on disk. False with *error when that fails; it is closed all the same. */
bool resume_close(struct resume *resume, struct error *error);

/* Every message up to this number is acknowledged. 0 in a new file. */
uint64_t resume_position(const struct resume *resume);

/* Where to begin again: no later than the message after the position. */
struct replay_mark resume_mark(const struct resume *resume);

/* Whether resume_complete was called once. */
bool resume_is_complete(const struct resume *resume);

/* The client id that the file was made with; or that of the first resume_open since the machine was started.
 */
const char *resume_client_id(const struct resume *resume);

/* Moves the position up. `mark` is of the loop that is being replayed; it is kept as soon as the position has
 * reached it. `now` is monotonic ns: once a second writing to disk is begun. */
void resume_move(struct resume *resume, uint64_t position, const struct replay_mark *mark, int64_t now);

/* The position is that of the replay's last message. */
void resume_complete(struct resume *resume);

/* The slot of the message. */
struct resume_slot *resume_slot(const struct resume *resume, uint64_t number);
size_t resume_slot_count(const struct resume *resume);
size_t resume_packet_max(const struct resume *resume);

#endif
