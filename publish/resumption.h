/* What --resume means to a publisher: what has arrived is kept in a file as the replay goes, and not sent
 * again by the next process that is given the file. Without --resume nothing is kept and all is sent. One
 * thread. */
#ifndef ROOMSTREAM_RESUMPTION_H
#define ROOMSTREAM_RESUMPTION_H

#include "error.h"
#include "mqtt.h"
#include "outbox.h"
#include "replay.h"
#include "resume.h"
#include "resume_packets.h"
#include "settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resumption {
    const char *path;
    struct resume *resume;          /* NULL without --resume */
    struct resume_packets *packets; /* NULL where no packets are kept: below QoS 2, and with MQTT 3.1.1 */
};

/* `program` is for a client id made up, payload_max the longest payload in bytes. Everything pointed to
 * outlives the resumption. False with *error, see resume_open. */
bool resumption_open(struct resumption *resumption, const char *program,
                     const struct publish_settings *settings, const struct mqtt_settings *mqtt,
                     const struct replay *replay, size_t payload_max, struct error *error);

/* Logs when the file cannot be written. After the broker is closed. */
bool resumption_close(struct resumption *resumption);

/* Whether the replay has come to its end already. */
bool resumption_is_complete(const struct resumption *resumption);

/* The client id to connect with: the user's if there is one, else the file's, else NULL. */
const char *resumption_client_id(const struct resumption *resumption, const struct mqtt_settings *mqtt);

/* Whether the session is to begin anew: the broker may have one of the user's client id that the file does
 * not know. */
bool resumption_begins_session(const struct resumption *resumption, const struct mqtt_settings *mqtt);

/* Where the replay begins; `base` is that of a replay that begins anew. */
struct replay_mark resumption_mark(const struct resumption *resumption, int64_t base);

/* Whether nothing is in doubt: what the process before had sent has arrived, or is to be sent again. */
bool resumption_is_settled(const struct resumption *resumption);

/* Whether the message has arrived already. */
bool resumption_has(const struct resumption *resumption, uint64_t number);

/* Keeps what has arrived; to be called before a message is added to the outbox, so that never more than the
 * window is sent and not kept. False while too much is in doubt to add that message. `now` is monotonic ns.
 */
bool resumption_save(struct resumption *resumption, struct outbox *outbox, const struct replay_mark *mark,
                     uint64_t number, int64_t now);

/* Whether all messages up to that one have arrived, as far as was saved. */
bool resumption_reached(const struct resumption *resumption, uint64_t number);

/* All messages of the replay have arrived. */
void resumption_complete(struct resumption *resumption);

#endif
