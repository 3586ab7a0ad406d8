#include "carried.h"

#include "core/log.h"
#include "core/out_of_memory.h"
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

/* What is subscribed to, and the Kafka topic, in which a {name} may be anything. */
struct pair {
    const char *subscription, *topic;
};

/* The text, cut. */
struct carried {
    const char *broker, *kafka, *folder;
    struct pair *pairs;
    size_t count;
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

/* The beginning: one pair between what both have in common. */
static int describe_pair(const struct bridge_settings *settings, const char *folder, size_t number,
                         struct pair pair, char *text, size_t size)
{
    char share[300] = "";
    if (settings->share)
        snprintf(share, sizeof share, "$share/%s/", settings->share);
    return number > 0 ? snprintf(text, size, "%s%s\n%s\n", share, pair.subscription, pair.topic)
                      : snprintf(text, size, "%s:%d\n%s%s\n%s\n%s\n%s\n", named(settings->mqtt.address.host),
                                 settings->mqtt.address.port, share, pair.subscription,
                                 settings->kafka.brokers, pair.topic, folder);
}

void carried_describe(struct bridge_settings *settings)
{
    char folder[PATH_MAX];
    size_t count = settings->routes ? routes_count(settings->routes) : 1, length = 0;
    *settings->carried = '\0';
    for (size_t i = 0; i < count && realpath(settings->spool_directory, folder); i++) {
        const struct route *route = settings->routes ? routes_at(settings->routes, i) : NULL;
        const struct pair pair = route ? (struct pair){route->filter, route->topic.text}
                                       : (struct pair){settings->filter, settings->kafka_topic};
        size_t room = sizeof settings->carried - length;
        int added = describe_pair(settings, folder, i, pair, settings->carried + length, room);
        if (added < 0 || (size_t)added >= room) {
            settings->carried[length] = '\0';
            return;
        }
        length += (size_t)added;
    }
}

/* The next line, cut off in place; NULL: there is none. */
static char *take_line(char **text)
{
    char *line = *text, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return line;
}

static bool take_pair(struct carried *carried, const char *subscription, const char *topic)
{
    size_t size = (carried->count + 1) * sizeof *carried->pairs;
    if (!subscription || !topic)
        return false;
    carried->pairs = realloc(carried->pairs, size);
    if (!carried->pairs)
        out_of_memory(size);
    carried->pairs[carried->count++] = (struct pair){subscription, topic};
    return true;
}

/* False where it is no such text. free(carried->pairs) in any case. */
static bool cut(char *text, struct carried *carried)
{
    *carried = (struct carried){.broker = take_line(&text)};
    const char *subscription = carried->broker ? take_line(&text) : NULL;
    carried->kafka = subscription ? take_line(&text) : NULL;
    const char *topic = carried->kafka ? take_line(&text) : NULL;
    carried->folder = topic ? take_line(&text) : NULL;
    while (carried->folder && take_pair(carried, subscription, topic)) {
        subscription = take_line(&text);
        topic = subscription ? take_line(&text) : NULL;
    }
    return carried->folder;
}

/* Members of one shared subscription divide its messages. Of two, each gets all. */
static bool both_get(const char *one, const char *other)
{
    if (mqtt_filter_is_shared(one) && strcmp(one, other) == 0)
        return false;
    return mqtt_filters_overlap(mqtt_filter_unshared(one), mqtt_filter_unshared(other));
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What stands before and behind the names of a Kafka topic; without names, all of it stands at both ends. */
struct ends {
    size_t begin, end, length;
};

static struct ends ends_of(const char *topic)
{
    const char *last = strrchr(topic, '}');
    size_t length = strlen(topic);
    return (struct ends){strcspn(topic, "{"), last ? strlen(last + 1) : length, length};
}

/* May they be one name? What stands around the names decides, so this says yes more often than it should. */
static bool may_meet(const char *one, const char *other)
{
    struct ends a = ends_of(one), b = ends_of(other);
    bool plain = a.begin == a.length, other_plain = b.begin == b.length;
    if (plain && other_plain)
        return strcmp(one, other) == 0;
    if ((plain && a.length <= b.begin + b.end) || (other_plain && b.length <= a.begin + a.end))
        return false;
    size_t end = least(a.end, b.end);
    return memcmp(one, other, least(a.begin, b.begin)) == 0 &&
           memcmp(one + a.length - end, other + b.length - end, end) == 0;
}

/* The first pairs of both by which a message is doubled. */
static bool doubles(const struct carried *own, const struct carried *other, struct pair *by,
                    struct pair *other_by)
{
    if (strcmp(own->broker, other->broker) != 0 || strcmp(own->kafka, other->kafka) != 0 ||
        strcmp(own->folder, other->folder) == 0)
        return false;
    for (size_t i = 0; i < own->count; i++)
        for (size_t k = 0; k < other->count; k++) {
            *by = own->pairs[i];
            *other_by = other->pairs[k];
            if (may_meet(by->topic, other_by->topic) && both_get(by->subscription, other_by->subscription))
                return true;
        }
    return false;
}

/* ---- looking ---- */

struct search {
    struct carried own;
    struct text_list told; /* folders of spools */
};

static void warn_of(struct search *s, const char *folder, struct pair own, struct pair other, bool runs)
{
    const char *filter = other.subscription;
    bool same = strcmp(filter, own.subscription) == 0, certain = strcmp(own.topic, other.topic) == 0;
    if (text_list_contains(&s->told, folder))
        return;
    text_list_append(&s->told, folder);
    log_warning_with(
        carried_twice,
        LOG_FIELDS(LOG_TEXT("spool", folder), LOG_TEXT("filter", filter), LOG_TEXT("topic", other.topic)),
        "another bridge %s carries '%s' to the Kafka topic '%s' too: each message%s%s%s %s there twice. "
        "Its spool is %s; stop it, and retire its session by --forget --spool %s",
        runs ? "runs that" : "is stopped, but the MQTT broker keeps its session, that", filter, other.topic,
        same ? "" : " that '", same ? "" : own.subscription, same ? "" : "' matches as well",
        certain ? "is" : "may be", folder, folder);
}

/* `path` is that of an entry in the list, or NULL. An entry whose spool is gone is nobody's any more. */
static void compare(struct search *s, char *text, const char *path, bool runs)
{
    struct carried other;
    struct pair own_by, other_by;
    if (cut(text, &other) && doubles(&s->own, &other, &own_by, &other_by)) {
        if (path && access(other.folder, F_OK) != 0)
            unlink(path);
        else
            warn_of(s, other.folder, own_by, other_by, runs);
    }
    free(other.pairs);
}

static void compare_file(struct search *s, const char *list, const char *name)
{
    char path[PATH_MAX], text[BRIDGE_CARRIED_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", list, name) >= sizeof path)
        return;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    bool runs = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    compare(s, text, path, runs);
}

static bool compare_announced(void *search, const char *path)
{
    char *text = announcement_note(path, "bridge");
    if (text)
        compare(search, text, NULL, true);
    free(text);
    return true;
}

static void look_for_others(const struct bridge_settings *settings, const char *uuid)
{
    char list[PATH_MAX], text[BRIDGE_CARRIED_SIZE];
    struct search search = {0};
    strcpy(text, settings->carried);
    bool known = cut(text, &search.own);
    DIR *folder = known && find_list(list) ? opendir(list) : NULL;
    const struct dirent *one;
    while (folder && (one = readdir(folder)))
        if (strlen(one->d_name) == UUID_LENGTH && strcmp(one->d_name, uuid) != 0)
            compare_file(&search, list, one->d_name);
    if (folder)
        closedir(folder);
    if (known)
        announcements_each(compare_announced, &search);
    text_list_free(&search.told);
    free(search.own.pairs);
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
