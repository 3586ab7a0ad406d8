/* Preloaded into the bridge: keeps a copy of what its disk holds for certain, which is what has been synced.
 * With it power_loss.py makes a power loss. The folder ROOMSTREAM_SYNCED gets a file for each synced one,
 * under its name (without .tmp, since the spool syncs some files before their renaming), and `entries`, the
 * names as of the last sync of the spool's folder. Whatever goes wrong here ends the process, and with it the
 * run. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Files up to this size are written in place (the position) and copied whole; longer ones only grow. */
enum { COPIED_WHOLE = 16384 };

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

static const char *folder(void)
{
    const char *path = getenv("ROOMSTREAM_SYNCED");
    check(path != NULL, "ROOMSTREAM_SYNCED");
    return path;
}

/* Opens the copy of the file behind fd. */
static int open_copy(int fd)
{
    char link[64], name[PATH_MAX], path[2 * PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    check(length > 0, "readlink");
    name[length] = '\0';
    if (length > 4 && strcmp(name + length - 4, ".tmp") == 0)
        name[length - 4] = '\0';
    snprintf(path, sizeof path, "%s/%s", folder(), strrchr(name, '/') + 1);
    int copy = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    check(copy >= 0, path);
    return copy;
}

static void copy_range(int from, int to, off_t offset, off_t end)
{
    char buffer[65536];
    /* A descriptor for writing only is of no use here. */
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", from);
    int source = open(path, O_RDONLY | O_CLOEXEC);
    check(source >= 0, path);
    while (offset < end) {
        size_t wanted = (size_t)(end - offset) < sizeof buffer ? (size_t)(end - offset) : sizeof buffer;
        ssize_t got = pread(source, buffer, wanted, offset);
        check(got >= 0, "pread");
        if (got == 0)
            break; /* it was cut meanwhile */
        check(pwrite(to, buffer, (size_t)got, offset) == got, "pwrite");
        offset += got;
    }
    close(source);
}

static void copy_file(int fd, off_t size)
{
    struct stat copied;
    pthread_mutex_lock(&mutex);
    int copy = open_copy(fd);
    check(fstat(copy, &copied) == 0, "fstat");
    copy_range(fd, copy, size <= COPIED_WHOLE ? 0 : copied.st_size, size);
    close(copy);
    pthread_mutex_unlock(&mutex);
}

static void copy_entries(int fd)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    pthread_mutex_lock(&mutex);
    snprintf(path, sizeof path, "%s/entries", folder());
    snprintf(fresh, sizeof fresh, "%s/entries.new", folder());
    FILE *list = fopen(fresh, "we");
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again >= 0 ? fdopendir(again) : NULL;
    check(list && directory, fresh);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            fprintf(list, "%s\n", entry->d_name);
    closedir(directory);
    check(fclose(list) == 0 && rename(fresh, path) == 0, path);
    pthread_mutex_unlock(&mutex);
}

/* What was written before the sync began is durable after it. */
static int synced(int fd, long call)
{
    struct stat before;
    check(fstat(fd, &before) == 0, "fstat");
    int rc = (int)syscall(call, fd);
    if (rc == 0 && S_ISDIR(before.st_mode))
        copy_entries(fd);
    else if (rc == 0)
        copy_file(fd, before.st_size);
    return rc;
}

int fdatasync(int fd)
{
    return synced(fd, SYS_fdatasync);
}

int fsync(int fd)
{
    return synced(fd, SYS_fsync);
}

/* What is cut off may be gone at once. */
int ftruncate(int fd, off_t length)
{
    struct stat copied;
    int rc = (int)syscall(SYS_ftruncate, fd, length);
    if (rc == 0) {
        pthread_mutex_lock(&mutex);
        int copy = open_copy(fd);
        check(fstat(copy, &copied) == 0, "fstat");
        if (copied.st_size > length)
            check(syscall(SYS_ftruncate, copy, length) == 0, "ftruncate");
        close(copy);
        pthread_mutex_unlock(&mutex);
    }
    return rc;
}
