#include "forget.h"

#include "bridge.h"
#include "carried.h"
#include "core/clock.h"
#include "core/exit_status.h"
#include "core/stop.h"
#include "mqtt/mqtt.h"
#include "spool/spool.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t time_limit = 30 * SECOND, disconnect_time = 5 * SECOND, look_interval = SECOND / 20;

/* A new session in place of the old one, which ends with its connection. */
static bool end_session(const struct bridge_settings *settings, const char *name, struct error *error)
{
    const struct mqtt_session session = {.clean_start = true};
    const struct mqtt_callbacks callbacks = {0};
    struct mqtt_connection *connection = mqtt_open(name, &settings->mqtt, &session, &callbacks, error);
    if (!connection)
        return false;
    int64_t deadline = clock_monotonic() + time_limit;
    while (mqtt_state(connection) != MQTT_SUBSCRIBED && mqtt_state(connection) != MQTT_FAILED &&
           clock_monotonic() < deadline && !stop_wait(look_interval))
        ;
    bool connected = mqtt_state(connection) == MQTT_SUBSCRIBED;
    bool ended = mqtt_close(connection, true, disconnect_time) && connected;
    return ended || error_set(error, "the session could not be ended at the MQTT broker %s: the spool stays",
                              settings->mqtt.host);
}

/* Files alone: a folder in it is none of ours, and keeps it. */
static bool remove_spool(const char *path, struct error *error)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    return rmdir(path) == 0 || error_set(error, "cannot remove %s: %s", path, strerror(errno));
}

static bool may_be_discarded(const struct bridge_settings *settings, const struct spool_stats *stats,
                             struct error *error)
{
    return settings->discard || stats->spooled + stats->dead == 0 ||
           error_set(error,
                     "the spool %s holds %" PRIu64 " messages and %" PRIu64
                     " dead letters: let the bridge deliver them, or throw them away by --discard",
                     settings->spool_directory, stats->spooled, stats->dead);
}

static bool retire(struct bridge_settings *settings, const char *name, struct error *error)
{
    const struct spool_settings spool_settings = bridge_spool_settings(settings);
    struct spool_stats stats;
    char uuid[64];
    if (access(settings->spool_directory, F_OK) != 0)
        return error_set(error, "there is no spool at %s: %s (--spool names it)", settings->spool_directory,
                         strerror(errno));
    struct spool *spool = spool_open(&spool_settings, error);
    if (!spool)
        return false;
    spool_get_stats(spool, &stats);
    snprintf(uuid, sizeof uuid, "%s", spool_uuid(spool));
    bridge_choose_client_id(settings, name, spool);
    bool ended = may_be_discarded(settings, &stats, error) && end_session(settings, name, error);
    spool_close(spool);
    if (!ended || !remove_spool(settings->spool_directory, error))
        return false;
    carried_forget(uuid);
    printf("ended the session of '%s' at the MQTT broker %s, with all that it kept for it\n",
           settings->mqtt.client_id, settings->mqtt.host);
    printf("removed the spool %s: %" PRIu64 " messages and %" PRIu64 " dead letters thrown away, %" PRIu64
           " delivered in its life\n",
           settings->spool_directory, stats.spooled, stats.dead, stats.delivered);
    return true;
}

int forget(struct bridge_settings *settings, const char *name)
{
    struct error error;
    if (retire(settings, name, &error))
        return EXIT_DONE;
    log_error(forget_failed, "%s", error.text);
    return EXIT_FAILED;
}
