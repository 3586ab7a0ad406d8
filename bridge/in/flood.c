#include "flood.h"

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How many messages that are out already are dealt with before the next connection. */
enum { ROUND = 4000 };

/* A file of this name in the spool's folder says that the broker floods. */
#define MARK "broker-floods"

static void mark_path(const struct flood *f, char path[static PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/" MARK, f->settings->spool_directory);
}

/* Without the mark the next process learns it again, at the price of another flood. */
static void remember(const struct flood *f)
{
    char path[PATH_MAX];
    mark_path(f, path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        log_warning(flood_mark_not_made, "cannot create %s: %s", path, strerror(errno));
    else
        close(fd);
}

void flood_init(struct flood *f, const struct bridge_settings *settings, struct spool *spool)
{
    char path[PATH_MAX];
    *f = (struct flood){.settings = settings, .spool = spool};
    mark_path(f, path);
    f->known = access(path, F_OK) == 0 || spool_unreleased_count(spool) > (size_t)settings->receive_maximum;
    if (f->known)
        log_info(mqtt_flood,
                 "the MQTT broker has exceeded its Receive Maximum before: beginning with 1 (remove %s/" MARK
                 " to try again)",
                 settings->spool_directory);
}

void flood_connected(struct flood *f)
{
    f->reconnecting = false;
    f->least = spool_unreleased_count(f->spool);
}

bool flood_check(struct flood *f)
{
    size_t unreleased = spool_unreleased_count(f->spool);
    size_t allowed = f->known ? ROUND : (size_t)f->settings->receive_maximum;
    if (unreleased < f->least)
        f->least = unreleased;
    if (f->reconnecting || unreleased - f->least <= allowed)
        return false;
    if (!f->known) {
        log_warning(
            mqtt_flood,
            "the MQTT broker has more than the Receive Maximum of %d messages in flight: reconnecting with 1",
            (int)f->settings->receive_maximum);
        remember(f);
    }
    f->known = f->reconnecting = true;
    return true;
}
