#include "announcement.h"

#include "core/error.h"
#include "core/log.h"
#include "core/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICES_FOLDER "/run/roomstream"

enum { FOLDERS = 4 };

struct folder {
    char path[PATH_MAX];
    bool services; /* shared by the services, which may run as another user */
};

struct announcement {
    char path[PATH_MAX];
    int fd; /* holds the lock */
};

static void add(struct folder *folders, size_t *count, bool services, const char *path, const char *below)
{
    struct folder *folder = &folders[*count];
    int length = snprintf(folder->path, sizeof folder->path, "%s%s", path, below);
    folder->services = services;
    *count += length > 0 && (size_t)length < sizeof folder->path;
}

/* Where announcements may be, in order of preference for our own. */
static size_t list_folders(struct folder folders[static FOLDERS], bool to_write)
{
    const char *service = getenv("RUNTIME_DIRECTORY"), *session = getenv("XDG_RUNTIME_DIR");
    char shared[64];
    size_t count = 0;
    if (to_write && service && *service == '/' && !strchr(service, ':'))
        add(folders, &count, true, service, "");
    if (session && *session == '/')
        add(folders, &count, false, session, "/roomstream");
    if (!to_write || geteuid() == 0)
        add(folders, &count, true, SERVICES_FOLDER, "");
    snprintf(shared, sizeof shared, "/tmp/roomstream-%u", (unsigned)geteuid());
    add(folders, &count, false, shared, "");
    return count;
}

/* In /tmp anyone could have created it, and anyone who can write to it could announce anything. */
static bool is_trusted(const struct folder *folder)
{
    struct stat info;
    return lstat(folder->path, &info) == 0 && S_ISDIR(info.st_mode) &&
           !(info.st_mode & (S_IWGRP | S_IWOTH)) && (folder->services || info.st_uid == geteuid());
}

/* ---- of this program ---- */

/* Where the program can be asked from this machine. */
static void write_address(const struct http_address *address, char text[static HTTP_ADDRESS_SIZE])
{
    struct http_address reached = *address;
    if (strcmp(address->host, "0.0.0.0") == 0)
        strcpy(reached.host, "127.0.0.1");
    else if (strcmp(address->host, "::") == 0)
        strcpy(reached.host, "::1");
    http_address_format(&reached, text);
}

static const char note_label[] = "__note";

static bool write_content(int fd, const char *kind, const char *name, const char *note, const char *address)
{
    json_t *content = json_pack("[{s:[s], s:{s:s, s:o*}}]", "targets", address, "labels", kind, name,
                                note_label, json_string(note)); /* none where a path in it is not UTF-8 */
    bool written = content && json_dumpfd(content, fd, 0) == 0 && write(fd, "\n", 1) == 1;
    json_decref(content);
    return written;
}

/* True while the program that wrote it runs. */
static bool is_held(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return held;
}

static bool is_announcement(const char *name)
{
    size_t length = strlen(name);
    return *name != '.' && length > 5 && strcmp(name + length - 5, ".json") == 0;
}

static void remove_left_ones(const char *path, const char *kind)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    size_t length = strlen(kind);
    while (folder && (entry = readdir(folder)))
        if (is_announcement(entry->d_name) && strncmp(entry->d_name, kind, length) == 0 &&
            entry->d_name[length] == '-' && !is_held(dirfd(folder), entry->d_name))
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

/* Under another name first: a reader sees the file complete and locked, or not at all. */
static bool make_file(struct announcement *a, const char *folder, const char *kind, const char *name,
                      const char *note, const char *address)
{
    char hidden[PATH_MAX];
    int length = snprintf(a->path, sizeof a->path, "%s/%s-%ld.json", folder, kind, (long)getpid());
    int hidden_length = snprintf(hidden, sizeof hidden, "%s/.%s-%ld", folder, kind, (long)getpid());
    if ((size_t)length >= sizeof a->path || (size_t)hidden_length >= sizeof hidden) {
        errno = ENAMETOOLONG;
        return false;
    }
    unlink(hidden);
    a->fd = open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (a->fd < 0)
        return false;
    if (fchmod(a->fd, 0644) == 0 && flock(a->fd, LOCK_EX | LOCK_NB) == 0 &&
        write_content(a->fd, kind, name, note, address) && rename(hidden, a->path) == 0)
        return true;
    int reason = errno;
    unlink(hidden);
    close(a->fd);
    errno = reason;
    return false;
}

struct announcement *announcement_make(const char *kind, const char *name, const char *note,
                                       const struct http_address *address)
{
    struct error reason = {0};
    struct folder folders[FOLDERS];
    size_t count = list_folders(folders, true);
    char where[HTTP_ADDRESS_SIZE];
    struct announcement *a = calloc(1, sizeof *a);
    if (!a)
        error_set(&reason, "out of memory");
    write_address(address, where);
    for (size_t i = 0; a && i < count; i++) {
        bool made = mkdir(folders[i].path, 0755) == 0;
        if (made)
            chmod(folders[i].path, 0755); /* whatever the umask is */
        if (!made && errno != EEXIST)
            error_set(&reason, "%s: %s", folders[i].path, strerror(errno));
        else if (!is_trusted(&folders[i]))
            error_set(&reason, "%s is not a folder, or other users can write to it", folders[i].path);
        else if (make_file(a, folders[i].path, kind, name, note, where)) {
            remove_left_ones(folders[i].path, kind);
            return a;
        } else
            error_set(&reason, "%s: %s", folders[i].path, strerror(errno));
    }
    log_info(not_announced, "status does not find this program by itself, but by --address: %s", reason.text);
    free(a);
    return NULL;
}

void announcement_withdraw(struct announcement *a)
{
    if (!a)
        return;
    unlink(a->path);
    close(a->fd);
    free(a);
}

/* ---- of all programs ---- */

static bool each_in(const char *path, bool (*each)(void *context, const char *path), void *context)
{
    struct dirent **entries;
    char file[PATH_MAX];
    bool go_on = true;
    int count = scandir(path, &entries, NULL, alphasort);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < count; i++) {
        int length = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (go_on && is_announcement(entries[i]->d_name) && (size_t)length < sizeof file &&
            is_held(folder, entries[i]->d_name))
            go_on = each(context, file);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (folder >= 0)
        close(folder);
    return go_on;
}

bool announcements_each(bool (*each)(void *context, const char *path), void *context)
{
    struct folder folders[FOLDERS];
    size_t count = list_folders(folders, false);
    for (size_t i = 0; i < count; i++)
        if (is_trusted(&folders[i]) && !each_in(folders[i].path, each, context))
            return false;
    return true;
}

char *announcement_note(const char *path, const char *kind)
{
    json_t *groups = json_load_file(path, 0, NULL);
    const json_t *labels = json_object_get(json_array_get(groups, 0), "labels");
    const char *note = json_string_value(json_object_get(labels, note_label));
    char *copy = note && json_object_get(labels, kind) ? text_copy(note) : NULL;
    json_decref(groups);
    return copy;
}
