#include "carried.h"

#include "core/log.h"
#include "core/state_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UUID_LENGTH = 36, ENTRY_SIZE = 8192 };

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

/* The first four lines are what is carried. */
static size_t describe(const struct bridge_settings *settings, char entry[static ENTRY_SIZE], size_t *carried)
{
    char folder[PATH_MAX];
    int length = snprintf(entry, ENTRY_SIZE, "%s:%d\n%s\n%s\n%s\n", settings->mqtt.address.host,
                          settings->mqtt.address.port, settings->subscription, settings->kafka.brokers,
                          settings->kafka_topic);
    if (length < 0 || length >= ENTRY_SIZE || !realpath(settings->spool_directory, folder))
        return 0;
    *carried = (size_t)length;
    length += snprintf(entry + length, ENTRY_SIZE - (size_t)length, "%s\n", folder);
    return length < ENTRY_SIZE ? (size_t)length : 0;
}

static void warn_of(const char *folder, bool runs, const struct bridge_settings *settings)
{
    log_warning_with(
        carried_twice,
        LOG_FIELDS(LOG_TEXT("spool", folder), LOG_TEXT("filter", settings->filter),
                   LOG_TEXT("topic", settings->kafka_topic)),
        "another bridge %s carries '%s' to the Kafka topic '%s' too: each message is there twice. Its spool is %s; stop it, "
        "and retire its session by --forget --spool %s",
        runs ? "runs that" : "is stopped, but the MQTT broker keeps its session, that", settings->filter,
        settings->kafka_topic, folder, folder);
}

/* An entry whose spool is gone is nobody's any more. */
static void compare(const char *list, const char *name, const char *entry, size_t carried,
                    const struct bridge_settings *settings)
{
    char path[PATH_MAX], other[ENTRY_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", list, name) >= sizeof path)
        return;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    bool runs = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t length = read(fd, other, sizeof other - 1);
    close(fd);
    if (length <= (ssize_t)carried || memcmp(other, entry, carried) != 0)
        return;
    other[length] = '\0';
    other[carried + strcspn(other + carried, "\n")] = '\0';
    if (access(other + carried, F_OK) != 0)
        unlink(path);
    else if (strcmp(other, entry) != 0)
        warn_of(other + carried, runs, settings);
}

static void look_for_others(const char *uuid, const char *entry, size_t carried,
                            const struct bridge_settings *settings)
{
    char list[PATH_MAX];
    DIR *folder = find_list(list) ? opendir(list) : NULL;
    const struct dirent *one;
    while (folder && (one = readdir(folder)))
        if (strlen(one->d_name) == UUID_LENGTH && strcmp(one->d_name, uuid) != 0)
            compare(list, one->d_name, entry, carried, settings);
    if (folder)
        closedir(folder);
}

int carried_open(const struct bridge_settings *settings, const char *uuid)
{
    char path[PATH_MAX], entry[ENTRY_SIZE];
    size_t carried, length = describe(settings, entry, &carried);
    struct error error;
    if (settings->share || length == 0 || !find_list(path) || !make_folders(path, &error) ||
        !file_of(uuid, path))
        return -1;
    look_for_others(uuid, entry, carried, settings);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || ftruncate(fd, 0) != 0 ||
        write(fd, entry, length) != (ssize_t)length) {
        log_debug(carried_unknown, "%s: %s", path, strerror(errno));
        carried_close(fd);
        return -1;
    }
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
