/* What a bridge reports to the service manager (notify.h): that it is ready, its state, that it stops, and,
 * for the watchdog, that its threads move. The main thread alone uses it.
 *
 * Ready means that the spool is open and both halves run. Whether the brokers answer does not matter: a
 * bridge is made to wait for them, and a unit that fails or delays the boot for them could not receive
 * meanwhile. The status text says what is connected. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_SUPERVISION_H
#define ROOMSTREAM_BRIDGE_SEEN_SUPERVISION_H

#include "bridge/in/receiver.h"
#include "bridge/out/forwarder.h"
#include "core/log.h"
#include "spool/spool.h"
#include "watchdog.h"

struct supervision {
    const struct receiver *receiver;
    struct spool *spool;
    int64_t watchdog;     /* ns; 0: there is none */
    bool warned;          /* that a thread does not move, since one last moved */
    enum mqtt_state mqtt; /* as of the last status text */
    int64_t told;         /* monotonic ns of the last status text */
    struct log_limit failures;
};

/* Says that the bridge is ready. All arguments outlive the supervision. */
void supervision_begin(struct supervision *supervision, const struct receiver *receiver, struct spool *spool);

/* Reports what is due. Call it about once a second: a thread that moves may take several seconds for a step,
 * so a watchdog of less than half a minute makes no sense. */
void supervision_tick(struct supervision *supervision, const struct watchdog *watchdog);

/* Says that the bridge stops, which takes it `drain_timeout` ns and a little more at most. */
void supervision_end(struct supervision *supervision, int64_t drain_timeout);

#endif
