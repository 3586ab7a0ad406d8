#include "resume.h"

#include "core/clock.h"
#include "core/failpoint.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* Numbers are in the machine's byte order: a file of another kind of machine has another magic. */
static const uint64_t magic = UINT64_C(0x325345524d525452); /* RTRMRES2 */
static const uint64_t older_magics[] = {UINT64_C(0x315345524d525452), UINT64_C(0x305345524d525452)};

/* The record lies in the first sector, which a disk writes whole; the description of the replay follows. */
enum { DESCRIPTION_AT = 512, DESCRIPTION_MAX = 1 << 20 };
_Static_assert(sizeof(struct resume_record) <= DESCRIPTION_AT, "the record fits into its sector");

static const int64_t sync_interval = SECOND;

/* ---- writing ---- */

static uint64_t checksum(const struct resume_record *record)
{
    return XXH3_64bits(record, offsetof(struct resume_record, checksum));
}

static bool write_at(const struct resume *resume, const void *data, size_t size, off_t offset)
{
    ssize_t written = pwrite(resume->fd, data, size, offset);
    if (written >= 0 && (size_t)written < size)
        errno = ENOSPC;
    return written == (ssize_t)size;
}

/* One write, which a kill does not divide. */
static bool write_record(struct resume *resume)
{
    resume->record.checksum = checksum(&resume->record);
    FAILPOINT("before-record");
    bool written = write_at(resume, &resume->record, sizeof resume->record, 0);
    FAILPOINT("after-record");
    return written;
}

static bool cannot(const struct resume *resume, const char *what, struct error *error)
{
    return error_set(error, "--resume: cannot %s %s: %s", what, resume->path, strerror(errno));
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

/* The record comes last: without it the file counts as not made yet. */
static bool make(struct resume *resume, const char *description, int64_t base, struct error *error)
{
    size_t length = strlen(description);
    if (length > DESCRIPTION_MAX)
        return error_set(error,
                         "--resume: the settings take %zu bytes to describe, more than the %d there are",
                         length, DESCRIPTION_MAX);
    resume->record = (struct resume_record){.magic = magic, .description_length = length, .mark.base = base};
    FAILPOINT("before-description");
    if (ftruncate(resume->fd, 0) != 0 || !write_at(resume, description, length, DESCRIPTION_AT) ||
        !write_record(resume))
        return cannot(resume, "write", error);
    return sync_new(resume) || cannot(resume, "sync", error);
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
static bool refuse_other(const struct resume *resume, const char *theirs, const char *ours,
                         struct error *error)
{
    const char *here, *there;
    int here_length = 0, there_length = 0;
    do {
        here = next_line(&ours, &here_length);
        there = next_line(&theirs, &there_length);
    } while (here && there && here_length == there_length && memcmp(here, there, (size_t)here_length) == 0);
    return error_set(
        error,
        "--resume: %s is of another replay: it has '%.*s' where this one has '%.*s'. "
        "Replay it with the settings that it was begun with, or name another file, or remove it to begin from the start",
        resume->path, there ? there_length : 7, there ? there : "nothing", here ? here_length : 7,
        here ? here : "nothing");
}

static bool is_older(uint64_t found)
{
    return found == older_magics[0] || found == older_magics[1];
}

static bool check_record(const struct resume *resume, ssize_t length, struct error *error)
{
    const struct resume_record *record = &resume->record;
    if (length >= (ssize_t)sizeof record->magic && is_older(record->magic))
        return error_set(
            error,
            "--resume: %s is of an older version of this program, which also kept packets in it: "
            "finish the replay with that version, or remove the file to begin from the start",
            resume->path);
    if (length < (ssize_t)sizeof record->magic || record->magic != magic)
        return error_set(error, "--resume: %s is not a file of this option: name another", resume->path);
    if (length < (ssize_t)sizeof *record || record->checksum != checksum(record) ||
        record->description_length > DESCRIPTION_MAX || record->mark.number > record->position)
        return error_set(error, "--resume: %s is damaged. Remove it to begin from the start", resume->path);
    return true;
}

static bool check_description(const struct resume *resume, const char *ours, struct error *error)
{
    size_t length = (size_t)resume->record.description_length;
    char *theirs = calloc(1, length + 1);
    if (!theirs)
        return error_set(error, "out of memory");
    ssize_t got = pread(resume->fd, theirs, length, DESCRIPTION_AT);
    bool same = got == (ssize_t)length && strcmp(theirs, ours) == 0;
    if (got < 0)
        cannot(resume, "read", error);
    else if (!same)
        refuse_other(resume, theirs, ours, error);
    free(theirs);
    return same;
}

static bool lock(const struct resume *resume, struct error *error)
{
    if (flock(resume->fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return error_set(error, "--resume: %s is in use by another publisher", resume->path);
    return cannot(resume, "lock", error);
}

/* Takes over what is there, or makes it. */
static bool take_over(struct resume *resume, const char *description, int64_t base, struct error *error)
{
    struct stat info;
    if (fstat(resume->fd, &info) != 0)
        return cannot(resume, "open", error);
    if (!S_ISREG(info.st_mode))
        return error_set(error, "--resume: %s is not a regular file", resume->path);
    if (!lock(resume, error))
        return false;
    ssize_t length = pread(resume->fd, &resume->record, sizeof resume->record, 0);
    if (length < 0)
        return cannot(resume, "read", error);
    bool unmade = length == 0 || (length == (ssize_t)sizeof resume->record && resume->record.magic == 0);
    if (unmade)
        return make(resume, description, base, error);
    return check_record(resume, length, error) && check_description(resume, description, error);
}

static void log_state(const struct resume *resume)
{
    uint64_t position = resume->record.position;
    if (resume_is_complete(resume))
        log_info_with(replay_complete, LOG_FIELDS(LOG_NUMBER("messages", position)),
                      "%s says that this replay is complete, with %" PRIu64
                      " messages: remove the file to replay again",
                      resume->path, position);
    else if (position > 0)
        log_info_with(replay_resumed, LOG_FIELDS(LOG_NUMBER("messages", position)),
                      "continuing after the %" PRIu64 " messages that arrived before, says %s", position,
                      resume->path);
}

/* ---- life ---- */

bool resume_open(struct resume *resume, const char *path, const char *description, int64_t base,
                 struct error *error)
{
    *resume = (struct resume){.path = path, .fd = -1};
    if (!path)
        return true;
    resume->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (resume->fd < 0)
        return cannot(resume, "open", error);
    if (!take_over(resume, description, base, error)) {
        close(resume->fd);
        return false;
    }
    resume->next = resume->record.mark;
    log_state(resume);
    return true;
}

static bool fail(struct resume *resume)
{
    if (!resume->failed)
        log_error(resume_file_failed, "--resume: cannot write %s: %s", resume->path, strerror(errno));
    resume->failed = true;
    return false;
}

bool resume_close(struct resume *resume)
{
    if (!resume->path)
        return true;
    if (fdatasync(resume->fd) != 0)
        fail(resume);
    close(resume->fd);
    return !resume->failed;
}

/* ---- use ---- */

bool resume_is_complete(const struct resume *resume)
{
    return resume->path && resume->record.complete;
}

struct replay_mark resume_mark(const struct resume *resume, int64_t base)
{
    return resume->path ? resume->record.mark : (struct replay_mark){.base = base};
}

bool resume_reached(const struct resume *resume, uint64_t number)
{
    return !resume->path || resume->record.position >= number;
}

bool resume_has(const struct resume *resume, uint64_t number)
{
    return resume->path && number <= resume->record.position;
}

bool resume_save(struct resume *resume, uint64_t position, const struct replay_mark *mark, int64_t now)
{
    struct resume_record *record = &resume->record;
    if (!resume->path || (position <= record->position && mark->loop == resume->next.loop))
        return !resume->failed;
    if (position > record->position)
        record->position = position;
    if (resume->next.loop == record->mark.loop && mark->loop > record->mark.loop)
        resume->next = *mark;
    if (resume->next.number <= record->position)
        record->mark = resume->next;
    if (!write_record(resume))
        return fail(resume);
    if (now - resume->synced >= sync_interval) {
        resume->synced = now;
        /* Begins to write and does not wait; fdatasync at the end reports a failure. */
        sync_file_range(resume->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    return true;
}

void resume_complete(struct resume *resume)
{
    resume->record.complete = 1;
    if (resume->path && !write_record(resume))
        fail(resume);
}
