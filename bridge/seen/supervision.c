#include "supervision.h"

#include "core/clock.h"
#include "core/notify.h"
#include "snapshot.h"

#include <inttypes.h>

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
    enum mqtt_state mqtt = receiver_state(s->receiver);
    struct spool_stats stats;
    struct error error;
    if (s->told && mqtt == s->mqtt && now - s->told < status_interval)
        return;
    s->mqtt = mqtt;
    s->told = now;
    spool_get_stats(s->spool, &stats);
    tell(s,
         notify(&error,
                "STATUS=MQTT: %s. Received %" PRIu64 " = delivered %" PRIu64 " + spooled %" PRIu64
                " + dead letters %" PRIu64,
                mqtt_state_word(mqtt), stats.received, stats.delivered, stats.spooled, stats.dead),
         &error);
}

/* The service manager ends the bridge when it hears nothing for the watchdog's time. A thread may stand still
 * for half of it. */
static void answer_watchdog(struct supervision *s, const struct watchdog *watchdog)
{
    struct error error;
    int64_t still;
    const char *stuck = watchdog_find_stuck(watchdog, s->watchdog / 2, &still);
    if (!stuck)
        tell(s, notify(&error, "WATCHDOG=1"), &error);
    else if (!s->warned)
        log_error_with(
            thread_stuck, LOG_FIELDS(LOG_TEXT("thread", stuck), LOG_NUMBER("stuck_ms", still / MILLISECOND)),
            "the %s has not moved for %.1f s: the service manager's watchdog, which allows %.1f s, is not answered",
            stuck, (double)still / SECOND, (double)s->watchdog / SECOND);
    s->warned = stuck != NULL;
}

void supervision_begin(struct supervision *s, const struct receiver *receiver, struct spool *spool)
{
    struct error error;
    *s = (struct supervision){
        .receiver = receiver,
        .spool = spool,
        .watchdog = notify_watchdog(),
        .failures = {.interval = MINUTE},
    };
    tell(s, notify(&error, "READY=1"), &error);
}

void supervision_tick(struct supervision *s, const struct watchdog *watchdog)
{
    int64_t now = clock_monotonic();
    if (!notify_wanted())
        return;
    tell_status(s, now);
    if (s->watchdog)
        answer_watchdog(s, watchdog);
}

void supervision_end(struct supervision *s, int64_t drain_timeout)
{
    /* For current calls to Kafka, and for the MQTT library to stop. */
    const int64_t margin = 30 * SECOND;
    struct error error;
    tell(s,
         notify(&error,
                "STOPPING=1\nSTATUS=Delivering what is spooled, then stopping\n"
                "EXTEND_TIMEOUT_USEC=%" PRId64,
                drain_timeout / MICROSECOND + margin / MICROSECOND),
         &error);
}
