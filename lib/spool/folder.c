#include "folder.h"

#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char temporary_suffix[] = ".tmp";

void segment_name(uint64_t first_id, char name[static SEGMENT_NAME_SIZE])
{
    snprintf(name, SEGMENT_NAME_SIZE, "%020" PRIu64 ".seg", first_id);
}

static bool parse_segment_name(const char *name, uint64_t *first_id)
{
    char again[SEGMENT_NAME_SIZE];
    *first_id = strtoull(name, NULL, 10);
    segment_name(*first_id, again);
    return *first_id > 0 && *first_id <= INT64_MAX && strcmp(again, name) == 0;
}

bool folder_open(struct folder *folder, const char *path, bool create, struct error *error)
{
    bool made = create && mkdir(path, 0700) == 0;
    if (create && !made && errno != EEXIST)
        return error_set(error, "cannot create the spool's folder %s: %s", path, strerror(errno));
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0)
        return error_set(error, "cannot open the spool's folder %s: %s", path, strerror(errno));
    folder->path = strdup(path);
    if (!folder->path) {
        close(folder->fd);
        return error_set(error, "out of memory");
    }
    if (made) {
        int parent = openat(folder->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent >= 0) {
            fsync(parent); /* a parent that cannot be synced loses an empty spool at worst */
            close(parent);
        }
    }
    return true;
}

void folder_close(struct folder *folder)
{
    if (folder->fd >= 0)
        close(folder->fd);
    free(folder->path);
    *folder = (struct folder){.fd = -1};
}

bool folder_sync(const struct folder *folder)
{
    int rc;
    do
        rc = fsync(folder->fd);
    while (rc < 0 && errno == EINTR);
    return rc == 0;
}

/* Before a holder has written its id, the file has that of the previous holder. */
static bool is_process(long pid)
{
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

bool folder_lock(const struct folder *folder, int *fd, struct error *error)
{
    char pid[24] = "";
    size_t length = 0;
    *fd = openat(folder->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return error_set(error, "cannot open %s/lock: %s", folder->path,
                         errno == ELOOP ? "it is a symbolic link, which is not followed" : strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        error_set(error, "cannot lock %s/lock: %s", folder->path, strerror(errno));
    else if (file_read(*fd, pid, sizeof pid - 1, 0, &length) && is_process(strtol(pid, NULL, 10)))
        error_set(error, "the spool %s is in use by process %ld: one spool serves one process", folder->path,
                  strtol(pid, NULL, 10));
    else
        error_set(error, "the spool %s is in use by another process: one spool serves one process",
                  folder->path);
    close(*fd);
    return false;
}

void folder_sign_lock(int fd)
{
    char pid[24];
    struct iovec piece = {pid, (size_t)snprintf(pid, sizeof pid, "%ld\n", (long)getpid())};
    /* On a full disk the lock is valid all the same. */
    if (file_truncate(fd, 0))
        file_write(fd, &piece, 1, 0);
}

static int compare_ids(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static bool add_id(uint64_t **ids, size_t *count, size_t *capacity, uint64_t id)
{
    if (*count == *capacity) {
        size_t wanted = *capacity ? 2 * *capacity : 64;
        uint64_t *larger = reallocarray(*ids, wanted, sizeof **ids);
        if (!larger)
            return false;
        *ids = larger;
        *capacity = wanted;
    }
    (*ids)[(*count)++] = id;
    return true;
}

/* Another descriptor, since a listing has a position. NULL with errno. */
static DIR *open_listing(const struct folder *folder)
{
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory && fd >= 0)
        close(fd);
    return directory;
}

bool folder_list_segments(const struct folder *folder, uint64_t **ids, size_t *count, struct error *error)
{
    size_t capacity = 0;
    uint64_t id;
    struct dirent *entry;
    *ids = NULL;
    *count = 0;
    DIR *directory = open_listing(folder);
    if (!directory)
        return error_set(error, "cannot list %s: %s", folder->path, strerror(errno));
    while (errno = 0, (entry = readdir(directory)))
        if (parse_segment_name(entry->d_name, &id) && !add_id(ids, count, &capacity, id)) {
            errno = ENOMEM;
            break;
        }
    int failure = errno;
    closedir(directory);
    if (failure) {
        free(*ids);
        *ids = NULL;
        return error_set(error, "cannot list %s: %s", folder->path, strerror(failure));
    }
    if (*count > 0)
        qsort(*ids, *count, sizeof **ids, compare_ids);
    return true;
}

void folder_remove_temporary(const struct folder *folder)
{
    struct dirent *entry;
    DIR *directory = open_listing(folder);
    while (directory && (entry = readdir(directory))) {
        size_t length = strlen(entry->d_name), suffix = sizeof temporary_suffix - 1;
        if (length > suffix && strcmp(entry->d_name + length - suffix, temporary_suffix) == 0)
            unlinkat(folder->fd, entry->d_name, 0);
    }
    if (directory)
        closedir(directory);
}

static void temporary_name(const char *name, char temporary[static FOLDER_NAME_SIZE])
{
    snprintf(temporary, FOLDER_NAME_SIZE, "%.50s%s", name, temporary_suffix);
}

int folder_create_temporary(const struct folder *folder, const char *name)
{
    char temporary[FOLDER_NAME_SIZE];
    temporary_name(name, temporary);
    return openat(folder->fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool folder_put_in_place(const struct folder *folder, const char *name)
{
    char temporary[FOLDER_NAME_SIZE];
    temporary_name(name, temporary);
    return renameat(folder->fd, temporary, folder->fd, name) == 0;
}

void folder_drop_temporary(const struct folder *folder, const char *name)
{
    char temporary[FOLDER_NAME_SIZE];
    temporary_name(name, temporary);
    unlinkat(folder->fd, temporary, 0);
}

bool folder_keep(const struct folder *folder, const char *name, char kept[static FOLDER_NAME_SIZE])
{
    snprintf(kept, FOLDER_NAME_SIZE, "%.40s.corrupt", name);
    for (int i = 2; linkat(folder->fd, name, folder->fd, kept, 0) < 0; i++) {
        if (errno != EEXIST || i > 1000)
            return false;
        snprintf(kept, FOLDER_NAME_SIZE, "%.40s.corrupt.%d", name, i);
    }
    return true;
}
