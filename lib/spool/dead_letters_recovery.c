#include "dead_letters_recovery.h"

#include "core/log.h"
#include "file.h"
#include "record_reader.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static bool cannot(const char *what, const struct folder *folder, struct error *error)
{
    return error_set(error, "cannot %s the dead letters %s/%s: %s", what, folder->path, DEAD_LETTERS_NAME,
                     strerror(errno));
}

static enum letters_state damaged(const struct folder *folder, int64_t offset, const char *what,
                                  struct error *error)
{
    error_set(
        error,
        "the dead letters %s/%s are damaged at offset %" PRId64
        ": %s. Restore the file, or start once with --spool-repair to keep the damaged file as %s.corrupt and keep every letter in it that is whole",
        folder->path, DEAD_LETTERS_NAME, offset, what, DEAD_LETTERS_NAME);
    return LETTERS_DAMAGED;
}

/* What follows the last whole letter: an interrupted write, or damage? */
static enum letters_state judge_end(const struct folder *folder, struct record_reader *reader, int64_t end,
                                    bool rebooted, struct error *error)
{
    int64_t offset = reader->offset;
    bool failed = false, torn;
    if (rebooted) {
        enum record_status status = record_reader_search(reader, end, 1, RECORD_LAST_ID);
        failed = status == RECORD_FAILED;
        torn = status == RECORD_END;
    } else {
        torn = record_reader_is_torn(reader, end, &failed);
    }
    if (failed) {
        cannot("read", folder, error);
        return LETTERS_REFUSED;
    }
    return torn ? LETTERS_WHOLE : damaged(folder, offset, "the letter there is not whole", error);
}

enum letters_state dead_letters_check(const struct folder *folder, uuid_t uuid, bool rebooted,
                                      struct error *error)
{
    struct segment log;
    struct error detail;
    struct record_reader reader = {.fd = -1};
    struct spool_record letter;
    enum record_status status;
    enum letters_state state = LETTERS_WHOLE;
    if (faccessat(folder->fd, DEAD_LETTERS_NAME, F_OK, 0) < 0 && errno == ENOENT)
        return LETTERS_WHOLE;
    switch (segment_open(folder, DEAD_LETTERS_NAME, uuid, false, DEAD_LETTERS_FIRST_ID, false, &log, NULL,
                         &detail)) {
    case SEGMENT_OPEN:
        break;
    case SEGMENT_BAD:
    case SEGMENT_MISNAMED:
        return damaged(folder, 0, detail.text, error);
    case SEGMENT_REFUSED:
    case SEGMENT_FAILED:
        error_set(error, "%s", detail.text);
        return LETTERS_REFUSED;
    }
    record_reader_open(&reader, log.fd, log.seed, log.header_length);
    while ((status = record_reader_next(&reader, log.end, &letter)) == RECORD_WHOLE) {
    }
    if (status == RECORD_FAILED) {
        cannot("read", folder, error);
        state = LETTERS_REFUSED;
    } else if (status == RECORD_BAD) {
        state = judge_end(folder, &reader, log.end, rebooted, error);
    }
    record_reader_free(&reader);
    close(log.fd);
    return state;
}

bool dead_letters_find_uuid(const struct folder *folder, uuid_t uuid)
{
    struct segment log;
    if (segment_open(folder, DEAD_LETTERS_NAME, uuid, true, DEAD_LETTERS_FIRST_ID, false, &log, NULL, NULL) !=
        SEGMENT_OPEN)
        return false;
    close(log.fd);
    return true;
}

static bool copy_letters(struct record_reader *from, int64_t length, struct segment *to, uint64_t *kept)
{
    struct spool_record letter;
    enum record_status status;
    int64_t written;
    while ((status = record_reader_search(from, length, 1, RECORD_LAST_ID)) == RECORD_WHOLE) {
        if (record_reader_next(from, length, &letter) != RECORD_WHOLE ||
            !segment_append(to, &letter, letter.id, &written))
            return false;
        to->end += written;
        ++*kept;
    }
    return status == RECORD_END;
}

static bool replace(const struct folder *folder, const uuid_t uuid, struct record_reader *from,
                    int64_t length)
{
    static const struct unreleased none; /* a header wants some */
    struct segment to;
    char kept_as[FOLDER_NAME_SIZE];
    uint64_t kept = 0;
    if (!segment_create(folder, DEAD_LETTERS_NAME, uuid, DEAD_LETTERS_FIRST_ID, &none, &to))
        return false;
    bool ok = copy_letters(from, length, &to, &kept) && file_sync(to.fd) &&
              folder_keep(folder, DEAD_LETTERS_NAME, kept_as) &&
              folder_put_in_place(folder, DEAD_LETTERS_NAME) && folder_sync(folder);
    if (!ok) {
        segment_drop(&to, folder, DEAD_LETTERS_NAME);
        return false;
    }
    close(to.fd);
    log_warning(dead_letters_repaired,
                "the dead letters in %s are repaired: %" PRIu64
                " letters that are whole are kept, the others are lost; the damaged file is %s/%s",
                folder->path, kept, folder->path, kept_as);
    return true;
}

bool dead_letters_repair(const struct folder *folder, uuid_t uuid, struct error *error)
{
    struct record_reader from = {.fd = -1};
    int64_t length;
    int fd = openat(folder->fd, DEAD_LETTERS_NAME, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && file_length(fd, &length);
    if (ok) {
        record_reader_open(&from, fd, record_seed(uuid, DEAD_LETTERS_FIRST_ID), 0);
        ok = replace(folder, uuid, &from, length);
    }
    if (!ok)
        cannot("repair", folder, error);
    record_reader_free(&from);
    file_close(fd);
    return ok;
}
