#include "carried.h"

#include "core/log.h"
#include "core/state_folder.h"
#include "http/announcement.h"
#include "mqtt/topic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { UUID_LENGTH = 36 };

/* The text of five lines, cut. */
struct carried {
    char *broker, *subscription, *kafka, *topic, *folder;
};

static bool find_list(char path[static PATH_MAX])
{
    if (getenv("STATE_DIRECTORY"))
        return false; /* a service can write to its own folder only */
    char *folder = state_folder("carried");
    bool found = folder && snprintf(path, PATH_MAX, "%s", folder) < PATH_MAX;
    free(folder);
    return found;
}

static bool file_of(const char *uuid, char path[static PATH_MAX])
{
    size_t length;
    if (!find_list(path))
        return false;
    length = strlen(path);
    return (size_t)snprintf(path + length, PATH_MAX - length, "/%s", uuid) < PATH_MAX - length;
}

/* Names of the loopback address are alike. */
static const char *named(const char *host)
{
    bool local = strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0;
    return local ? "localhost" : host;
}

void carried_describe(struct bridge_settings *settings)
{
    char folder[PATH_MAX];
    int length =
        realpath(settings->spool_directory, folder)
            ? snprintf(settings->carried, sizeof settings->carried, "%s:%d\n%s\n%s\n%s\n%s\n",
                       named(settings->mqtt.address.host), settings->mqtt.address.port,
                       settings->subscription, settings->kafka.brokers, settings->kafka_topic, folder)
            : -1;
    if (length < 0 || (size_t)length >= sizeof settings->carried)
        *settings->carried = '\0';
}

/* Cuts the text in place. False where it is none. */
static bool cut(char *text, struct carried *carried)
{
    char **parts[] = {&carried->broker, &carried->subscription, &carried->kafka, &carried->topic,
                      &carried->folder};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *end = strchr(text, '\n');
        if (!end)
            return false;
        *end = '\0';
        *parts[i] = text;
        text = end + 1;
    }
    return true;
}

/* Members of one shared subscription divide its messages. Of two, each gets all. */
static bool both_get(const char *one, const char *other)
{
    if (mqtt_filter_is_shared(one) && strcmp(one, other) == 0)
        return false;
    return mqtt_filters_overlap(mqtt_filter_unshared(one), mqtt_filter_unshared(other));
}

static bool doubles(const struct carried *own, const struct carried *other)
{
    return strcmp(own->broker, other->broker) == 0 && strcmp(own->kafka, other->kafka) == 0 &&
           strcmp(own->topic, other->topic) == 0 && strcmp(own->folder, other->folder) != 0 &&
           both_get(own->subscription, other->subscription);
}

/* ---- looking ---- */

struct search {
    struct carried own;
    struct text_list told; /* folders of spools */
};

static bool is_told(const struct search *s, const char *folder)
{
    for (size_t i = 0; i < s->told.count; i++)
        if (strcmp(s->told.items[i], folder) == 0)
            return true;
    return false;
}

static void warn_of(struct search *s, const struct carried *other, bool runs)
{
    const char *filter = other->subscription;
    bool same = strcmp(filter, s->own.subscription) == 0;
    if (is_told(s, other->folder))
        return;
    text_list_append(&s->told, other->folder);
    log_warning_with(
        carried_twice,
        LOG_FIELDS(LOG_TEXT("spool", other->folder), LOG_TEXT("filter", filter),
                   LOG_TEXT("topic", other->topic)),
        "another bridge %s carries '%s' to the Kafka topic '%s' too: each message%s%s%s is there twice. "
        "Its spool is %s; stop it, and retire its session by --forget --spool %s",
        runs ? "runs that" : "is stopped, but the MQTT broker keeps its session, that", filter, other->topic,
        same ? "" : " that '", same ? "" : s->own.subscription, same ? "" : "' matches as well",
        other->folder, other->folder);
}

/* An entry whose spool is gone is nobody's any more. */
static void compare_file(struct search *s, const char *list, const char *name)
{
    char path[PATH_MAX], text[BRIDGE_CARRIED_SIZE];
    struct carried other;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", list, name) >= sizeof path)
        return;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    bool runs = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    if (!cut(text, &other) || !doubles(&s->own, &other))
        return;
    if (access(other.folder, F_OK) != 0)
        unlink(path);
    else
        warn_of(s, &other, runs);
}

static bool compare_announced(void *search, const char *path)
{
    struct search *s = search;
    struct carried other;
    char *text = announcement_note(path, "bridge");
    if (text && cut(text, &other) && doubles(&s->own, &other))
        warn_of(s, &other, true);
    free(text);
    return true;
}

static void look_for_others(const struct bridge_settings *settings, const char *uuid)
{
    char list[PATH_MAX], text[BRIDGE_CARRIED_SIZE];
    struct search search = {0};
    strcpy(text, settings->carried);
    if (!cut(text, &search.own))
        return;
    DIR *folder = find_list(list) ? opendir(list) : NULL;
    const struct dirent *one;
    while (folder && (one = readdir(folder)))
        if (strlen(one->d_name) == UUID_LENGTH && strcmp(one->d_name, uuid) != 0)
            compare_file(&search, list, one->d_name);
    if (folder)
        closedir(folder);
    announcements_each(compare_announced, &search);
    text_list_free(&search.told);
}

/* ---- the list ---- */

static int enter(const struct bridge_settings *settings, const char *uuid)
{
    char path[PATH_MAX];
    struct error error;
    size_t length = strlen(settings->carried);
    if (length == 0 || !find_list(path) || !make_folders(path, &error) || !file_of(uuid, path))
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, 0) == 0 &&
        write(fd, settings->carried, length) == (ssize_t)length)
        return fd;
    log_debug(carried_unknown, "%s: %s", path, strerror(errno));
    carried_close(fd);
    return -1;
}

int carried_open(const struct bridge_settings *settings, const char *uuid)
{
    int fd = enter(settings, uuid);
    look_for_others(settings, uuid);
    return fd;
}

void carried_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

void carried_forget(const char *uuid)
{
    char path[PATH_MAX];
    if (file_of(uuid, path))
        unlink(path);
}
