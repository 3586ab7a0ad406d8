#include "resume.h"

#include "boot_id.h"
#include "clock.h"
#include "failpoint.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* Numbers are in the machine's byte order: a file of another kind of machine has another magic. */
static const uint64_t magic = UINT64_C(0x315345524d525452); /* RTRMRES1 */
static const uint64_t magic_begun =
    UINT64_C(0x305345524d525452); /* RTRMRES0: being made, nothing was sent yet */

static const int64_t sync_interval = SECOND;

enum { FORMAT_VERSION = 1, CLIENT_ID_SIZE = 128, DESCRIPTION_SIZE = 12288, PAGE = 4096 };

struct kept_mark {
    struct replay_mark mark;
    uint64_t checksum;
};

/* The file: this, then the slots. */
struct header {
    uint64_t magic;
    uint32_t version, slot_count;
    uint64_t slot_bytes, slots_at, size;
    char client_id[CLIENT_ID_SIZE];
    char description[DESCRIPTION_SIZE];
    uuid_t boot_id; /* of the start of the machine in which it was last opened, see boot_id.h */
    /* What changes lies in one page, so that a power loss leaves it of one time. */
    alignas(PAGE) _Atomic uint64_t position;
    _Atomic uint64_t complete;
    struct kept_mark marks[2]; /* one is written while the other is good */
};

struct resume {
    char *path;
    int fd;
    struct header *header;         /* the mapping */
    size_t size;                   /* of the mapping */
    struct replay_mark mark, next; /* the one kept; the one to be kept when the position reaches it */
    size_t place;                  /* of the one kept */
    int64_t synced;
};

/* ---- marks ---- */

static uint64_t mark_checksum(const struct replay_mark *mark)
{
    return XXH3_64bits(mark, sizeof *mark);
}

static bool mark_is_good(const struct kept_mark *kept, uint64_t position)
{
    return kept->checksum == mark_checksum(&kept->mark) && kept->mark.number <= position;
}

/* The latest mark that the position has reached. */
static bool find_mark(struct resume *resume)
{
    const struct kept_mark *marks = resume->header->marks;
    uint64_t position = resume_position(resume);
    bool good[] = {mark_is_good(&marks[0], position), mark_is_good(&marks[1], position)};
    if (!good[0] && !good[1])
        return false;
    resume->place = good[1] && (!good[0] || marks[1].mark.loop > marks[0].mark.loop);
    resume->mark = resume->next = marks[resume->place].mark;
    return true;
}

/* In the other place, so that the mark before stays until this one is whole. The fences hold the compiler to
 * the order; a process that is killed has done its stores in order. */
static void keep_mark(struct resume *resume, const struct replay_mark *mark)
{
    resume->place = !resume->place;
    struct kept_mark *kept = &resume->header->marks[resume->place];
    kept->checksum = 0;
    atomic_signal_fence(memory_order_seq_cst);
    kept->mark = *mark;
    FAILPOINT("before-mark");
    atomic_signal_fence(memory_order_seq_cst);
    kept->checksum = mark_checksum(mark);
    resume->mark = *mark;
}

/* ---- the machine ---- */

/* After a power loss the broker may know of packets that the file does not. One of their ids, used again for
 * another message, would be taken for a double of it: so the slots are emptied, and the session is another.
 */
static void forget_before_boot(struct resume *resume, const char *client_id)
{
    struct header *header = resume->header;
    uuid_t now;
    boot_id_read(now);
    if (resume_is_complete(resume) || (!uuid_is_null(now) && uuid_compare(header->boot_id, now) == 0))
        return;
    log_warning(
        resume_file_old,
        "--resume: this machine was started anew since %s was written: after a power loss the file may be "
        "some seconds old, and the messages of that time may be doubled",
        resume->path);
    memset((char *)header + header->slots_at, 0, header->size - header->slots_at);
    strcpy(header->client_id, client_id);
    atomic_signal_fence(memory_order_seq_cst); /* not before the rest is done */
    uuid_copy(header->boot_id, now);
}

/* ---- making ---- */

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

static size_t slot_bytes(const struct resume_settings *settings)
{
    return round_up(sizeof(struct resume_slot) + settings->packet_max, alignof(struct resume_slot));
}

static size_t file_size(const struct resume_settings *settings)
{
    return round_up(sizeof(struct header) + settings->slot_count * slot_bytes(settings), PAGE);
}

static bool map(struct resume *resume, size_t size, struct error *error)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, resume->fd, 0);
    if (memory == MAP_FAILED)
        return error_set(error, "--resume: cannot map %s into memory: %s", resume->path, strerror(errno));
    resume->header = memory;
    resume->size = size;
    return true;
}

static void fill_in(struct header *header, const struct resume_settings *settings)
{
    header->version = FORMAT_VERSION;
    header->slot_count = (uint32_t)settings->slot_count;
    header->slot_bytes = slot_bytes(settings);
    header->slots_at = sizeof *header;
    header->size = file_size(settings);
    strcpy(header->client_id, settings->client_id);
    strcpy(header->description, settings->description);
    boot_id_read(header->boot_id);
    const struct replay_mark beginning = {.base = settings->base};
    header->marks[0] = (struct kept_mark){beginning, mark_checksum(&beginning)};
}

/* Makes the new file durable, its name too. */
static bool sync_new(const struct resume *resume)
{
    char *folder = strdup(resume->path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash)
        slash[slash == folder] = '\0';
    int fd = folder ? open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    bool ok = fd >= 0 && fsync(fd) == 0 && fsync(resume->fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Fills the file, its magic last: one that is not finished is made again. All its blocks are reserved, since
 * a disk that is full could only be told by SIGBUS later. */
static bool make(struct resume *resume, const struct resume_settings *settings, struct error *error)
{
    size_t size = file_size(settings);
    int rc;
    if (ftruncate(resume->fd, 0) != 0 ||
        pwrite(resume->fd, &magic_begun, sizeof magic_begun, 0) != sizeof magic_begun)
        return error_set(error, "--resume: cannot write %s: %s", resume->path, strerror(errno));
    do
        rc = posix_fallocate(resume->fd, 0, (off_t)size);
    while (rc == EINTR);
    if (rc != 0)
        return error_set(error, "--resume: cannot reserve %zu bytes for %s: %s", size, resume->path,
                         strerror(rc));
    if (!map(resume, size, error))
        return false;
    FAILPOINT("before-filled");
    fill_in(resume->header, settings);
    if (msync(resume->header, size, MS_SYNC) != 0)
        return error_set(error, "--resume: cannot write %s: %s", resume->path, strerror(errno));
    FAILPOINT("before-magic");
    resume->header->magic = magic;
    if (!sync_new(resume))
        return error_set(error, "--resume: cannot sync %s: %s", resume->path, strerror(errno));
    return true;
}

/* ---- looking at what is there ---- */

/* The next line of *text, without its end; NULL at the end. */
static const char *next_line(const char **text, int *length)
{
    const char *line = *text;
    if (!*line)
        return NULL;
    *length = (int)strcspn(line, "\n");
    *text = line + *length + (line[*length] == '\n');
    return line;
}

/* Describes the first difference of two descriptions. */
static bool refuse_other(const struct resume *resume, const char *ours, struct error *error)
{
    const char *theirs = resume->header->description, *here, *there;
    int here_length = 0, there_length = 0;
    do {
        here = next_line(&ours, &here_length);
        there = next_line(&theirs, &there_length);
    } while (here && there && here_length == there_length && memcmp(here, there, (size_t)here_length) == 0);
    return error_set(
        error,
        "--resume: %s is of another replay: it has '%.*s' where this one has '%.*s'. Replay it with "
        "the settings that it was begun with, or name another file, or remove it to begin anew",
        resume->path, there ? there_length : 7, there ? there : "nothing", here ? here_length : 7,
        here ? here : "nothing");
}

/* Whether the header can be believed: it is long enough to be read. */
static bool check_header(const struct resume *resume, uint64_t length, struct error *error)
{
    const struct header *header = resume->header;
    if (header->version != FORMAT_VERSION)
        return error_set(error, "--resume: %s is of another version of this program (format %u, not %d)",
                         resume->path, header->version, FORMAT_VERSION);
    if (header->size != length)
        return error_set(error,
                         "--resume: %s is damaged: it has %" PRIu64 " bytes, not %" PRIu64
                         ". Remove it to begin anew",
                         resume->path, length, header->size);
    if (!memchr(header->client_id, '\0', sizeof header->client_id) ||
        !memchr(header->description, '\0', sizeof header->description))
        return error_set(error, "--resume: %s is damaged. Remove it to begin anew", resume->path);
    return true;
}

static bool take_over(struct resume *resume, const struct resume_settings *settings, uint64_t length,
                      struct error *error)
{
    if (!map(resume, (size_t)length, error) || !check_header(resume, length, error))
        return false;
    const struct header *header = resume->header;
    if (strcmp(header->description, settings->description) != 0)
        return refuse_other(resume, settings->description, error);
    if (header->slot_count != settings->slot_count || header->slot_bytes != slot_bytes(settings) ||
        header->slots_at != sizeof *header || length != file_size(settings) || !find_mark(resume))
        return error_set(error,
                         "--resume: %s is damaged, or of another version of this program. Remove it to "
                         "begin anew",
                         resume->path);
    forget_before_boot(resume, settings->client_id);
    return true;
}

static bool lock(const struct resume *resume, struct error *error)
{
    if (flock(resume->fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return error_set(error, "--resume: %s is in use by another publisher", resume->path);
    return error_set(error, "--resume: cannot lock %s: %s", resume->path, strerror(errno));
}

/* Opens, locks, and takes over what is there or makes it. */
static bool open_file(struct resume *resume, const struct resume_settings *settings, struct error *error)
{
    struct stat info;
    uint64_t first = 0;
    resume->fd = open(resume->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (resume->fd < 0 || fstat(resume->fd, &info) != 0)
        return error_set(error, "--resume: cannot open %s: %s", resume->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return error_set(error, "--resume: %s is no regular file", resume->path);
    if (!lock(resume, error))
        return false;
    if (fstat(resume->fd, &info) != 0 || (info.st_size > 0 && pread(resume->fd, &first, sizeof first, 0) < 0))
        return error_set(error, "--resume: cannot read %s: %s", resume->path, strerror(errno));
    if (info.st_size == 0 || first == magic_begun)
        return make(resume, settings, error) && find_mark(resume);
    if (first != magic)
        return error_set(error, "--resume: %s is not a file of this option: name another", resume->path);
    if ((uint64_t)info.st_size < sizeof(struct header))
        return error_set(error,
                         "--resume: %s is damaged: it has only %" PRId64 " bytes. Remove it to begin anew",
                         resume->path, (int64_t)info.st_size);
    return take_over(resume, settings, (uint64_t)info.st_size, error);
}

/* ---- life ---- */

static void release(struct resume *resume)
{
    if (resume->header)
        munmap(resume->header, resume->size);
    if (resume->fd >= 0)
        close(resume->fd);
    free(resume->path);
    free(resume);
}

struct resume *resume_open(const struct resume_settings *settings, struct error *error)
{
    if (strlen(settings->description) >= DESCRIPTION_SIZE) {
        error_set(error, "--resume: the settings take %zu bytes to describe, more than the %d there are",
                  strlen(settings->description), DESCRIPTION_SIZE - 1);
        return NULL;
    }
    struct resume *resume = calloc(1, sizeof *resume);
    char *path = strdup(settings->path);
    if (!resume || !path) {
        free(resume);
        free(path);
        error_set(error, "out of memory");
        return NULL;
    }
    resume->path = path;
    resume->fd = -1;
    if (open_file(resume, settings, error))
        return resume;
    release(resume);
    return NULL;
}

bool resume_close(struct resume *resume, struct error *error)
{
    bool ok = msync(resume->header, resume->size, MS_SYNC) == 0 ||
              error_set(error, "--resume: cannot write %s: %s", resume->path, strerror(errno));
    release(resume);
    return ok;
}

/* ---- use ---- */

uint64_t resume_position(const struct resume *resume)
{
    return atomic_load_explicit(&resume->header->position, memory_order_relaxed);
}

struct replay_mark resume_mark(const struct resume *resume)
{
    return resume->mark;
}

bool resume_is_complete(const struct resume *resume)
{
    return resume->header->complete != 0;
}

const char *resume_client_id(const struct resume *resume)
{
    return resume->header->client_id;
}

void resume_move(struct resume *resume, uint64_t position, const struct replay_mark *mark, int64_t now)
{
    atomic_store_explicit(&resume->header->position, position, memory_order_release);
    bool waiting = resume->next.loop > resume->mark.loop;
    if (!waiting && mark->loop > resume->mark.loop) {
        resume->next = *mark;
        waiting = true;
    }
    if (waiting && resume->next.number <= position)
        keep_mark(resume, &resume->next);
    if (now - resume->synced >= sync_interval) {
        resume->synced = now;
        /* Begins to write and does not wait; a failure is told by msync at the end. */
        sync_file_range(resume->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
}

void resume_complete(struct resume *resume)
{
    atomic_store(&resume->header->complete, 1);
}

struct resume_slot *resume_slot(const struct resume *resume, uint64_t number)
{
    const struct header *header = resume->header;
    void *slot = (char *)header + header->slots_at + number % header->slot_count * header->slot_bytes;
    return slot;
}

size_t resume_slot_count(const struct resume *resume)
{
    return resume->header->slot_count;
}

size_t resume_packet_max(const struct resume *resume)
{
    return resume->header->slot_bytes - sizeof(struct resume_slot);
}
