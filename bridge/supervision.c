#include "supervision.h"

#include "clock.h"
#include "notify.h"

#include <inttypes.h>
#include <string.h>

/* How often the status text is brought up to date while only its numbers change. */
static const int64_t status_interval = 10 * SECOND;

static void tell(struct supervision *s, bool sent, const struct error *error)
{
    if (!sent)
        log_limited(&s->failures, LOG_LEVEL_WARNING, service_manager_unreachable, LOG_NO_FIELDS, "%s",
                    error->text);
}

static void tell_status(struct supervision *s, int64_t now)
{
    const char *connection = receiver_connection(s->receiver);
    struct spool_stats stats;
    struct error error;
    if (s->connection && strcmp(connection, s->connection) == 0 && now - s->told < status_interval)
        return;
    s->connection = connection;
    s->told = now;
    spool_get_stats(s->spool, &stats);
    tell(s,
         notify(&error,
                "STATUS=MQTT: %s. Received %" PRIu64 " = delivered %" PRIu64 " + spooled %" PRIu64
                " + dead letters %" PRIu64,
                connection, stats.received, stats.delivered, stats.spooled, stats.dead),
         &error);
}

/* The watchdog hears of us only when both halves have moved since it last did, and no thread is stuck. */
static void answer_watchdog(struct supervision *s, const struct vitals *vitals, int64_t now)
{
    struct error error;
    int64_t still;
    const char *stuck = vitals_find_stuck(vitals, &still);
    uint64_t forwarder = forwarder_beat(s->forwarder), receiver = receiver_beat(s->receiver);
    bool forwarder_moves = forwarder != s->forwarder_beat;
    bool receiver_moves = receiver_is_idle(s->receiver) || receiver != s->receiver_beat;
    if (forwarder_moves && receiver_moves && !stuck) {
        s->forwarder_beat = forwarder;
        s->receiver_beat = receiver;
        s->answered = now;
        s->warned = false;
        tell(s, notify(&error, "WATCHDOG=1"), &error);
    } else if (!s->warned && now - s->answered > s->watchdog / 2) {
        s->warned = true;
        const char *thread = !forwarder_moves ? "forwarder" : !receiver_moves ? "receiver" : stuck;
        if (thread != stuck)
            still = now - s->answered;
        log_error_with(
            thread_stuck, LOG_FIELDS(LOG_TEXT("thread", thread), LOG_NUMBER("stuck_ms", still / MILLISECOND)),
            "the %s has not moved for %.1f s: the service manager's watchdog, which allows %.1f s, is "
            "not answered",
            thread, (double)still / SECOND, (double)s->watchdog / SECOND);
    }
}

void supervision_begin(struct supervision *s, struct forwarder *forwarder, struct receiver *receiver,
                       struct spool *spool)
{
    struct error error;
    *s = (struct supervision){
        .forwarder = forwarder,
        .receiver = receiver,
        .spool = spool,
        .watchdog = notify_watchdog(),
        .answered = clock_monotonic(),
        .failures = {.interval = MINUTE},
    };
    tell(s, notify(&error, "READY=1"), &error);
}

void supervision_tick(struct supervision *s, const struct vitals *vitals)
{
    int64_t now = clock_monotonic();
    if (!notify_wanted())
        return;
    tell_status(s, now);
    if (s->watchdog)
        answer_watchdog(s, vitals, now);
}

void supervision_end(struct supervision *s, int64_t drain_timeout)
{
    /* For calls to Kafka that are under way, and for the MQTT library to let go. */
    const int64_t margin = 30 * SECOND;
    struct error error;
    tell(s,
         notify(&error,
                "STOPPING=1\nSTATUS=Delivering what is spooled, then stopping\n"
                "EXTEND_TIMEOUT_USEC=%" PRId64,
                drain_timeout / MICROSECOND + margin / MICROSECOND),
         &error);
}
