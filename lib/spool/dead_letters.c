#include "dead_letters.h"

#include "core/log.h"
#include "dead_letters_recovery.h"
#include "file.h"
#include "id_set.h"
#include "position.h"
#include "record_reader.h"
#include "segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char file_name[] = DEAD_LETTERS_NAME;
static const uint64_t first_id = DEAD_LETTERS_FIRST_ID;

struct dead_letters {
    struct folder folder;
    uuid_t uuid; /* the spool's */
    bool read_only;
    struct segment segment;       /* fd -1: there is no log, which counts as an empty one */
    struct unreleased unreleased; /* none: a segment's header wants one */
    struct id_set ids;            /* of the letters in the log */
    _Atomic uint64_t count;
    _Atomic int64_t bytes;
    dead_letter_visit *watch; /* NULL: nobody wants to know */
    void *watch_context;
};

static bool letters_error(const struct dead_letters *letters, const char *what, struct error *error)
{
    return error_set(error, "cannot %s the dead letters %s/%s: %s", what, letters->folder.path, file_name,
                     strerror(errno));
}

static bool read_only_error(const struct dead_letters *letters, struct error *error)
{
    return error_set(error, "the dead letters %s/%s are open for reading only", letters->folder.path,
                     file_name);
}

static bool letters_damaged(const struct dead_letters *letters, int64_t offset, const char *what,
                            struct error *error)
{
    return error_set(
        error,
        "the dead letters %s/%s are damaged at offset %" PRId64
        ": %s. Restore the file, or start the bridge once with --spool-repair to keep every letter that is whole",
        letters->folder.path, file_name, offset, what);
}

static bool each(struct dead_letters *letters, int64_t end, dead_letter_visit *visit, void *context,
                 int64_t *good_end, enum record_status *status)
{
    struct record_reader reader = {.fd = -1};
    struct spool_record record;
    bool more = true;
    record_reader_open(&reader, letters->segment.fd, letters->segment.seed, letters->segment.header_length);
    while (more && (*status = record_reader_next(&reader, end, &record)) == RECORD_WHOLE)
        more = visit(context, &record);
    *good_end = reader.offset;
    record_reader_free(&reader);
    return more;
}

static bool remember(void *context, const struct spool_record *record)
{
    struct dead_letters *letters = context;
    if (!id_set_reserve(&letters->ids))
        return false;
    id_set_add(&letters->ids, record->id);
    letters->count++;
    return true;
}

/* What follows the last whole letter is not a letter, unless whole letters follow it. */
static bool ends_there(const struct dead_letters *letters, int64_t end, int64_t length, bool *ends)
{
    struct record_reader reader = {.fd = -1};
    record_reader_open(&reader, letters->segment.fd, letters->segment.seed, end + 1);
    enum record_status status = record_reader_search(&reader, length, 1, RECORD_LAST_ID);
    record_reader_free(&reader);
    *ends = status == RECORD_END;
    return status != RECORD_FAILED;
}

/* A reader leaves the end as it is. It is either a letter that is being written just now, which is not worth
 * a message, or damage. */
static bool leave_end(const struct dead_letters *letters, int64_t end, int64_t length, struct error *error)
{
    struct record_reader reader = {.fd = -1};
    bool failed;
    record_reader_open(&reader, letters->segment.fd, letters->segment.seed, end);
    bool torn = record_reader_is_torn(&reader, length, &failed);
    record_reader_free(&reader);
    if (failed)
        return letters_error(letters, "read", error);
    if (!torn)
        log_warning(dead_letter_torn,
                    "the last %" PRId64 " bytes of the dead letters %s/%s, from offset %" PRId64
                    " on, are not a whole letter: the start of the bridge says what to do",
                    length - end, letters->folder.path, file_name, end);
    return true;
}

/* Reads the log through and finds its end. */
static bool scan(struct dead_letters *letters, struct error *error)
{
    int64_t length = letters->segment.end, end;
    enum record_status status;
    bool ends = true;
    if (!each(letters, length, remember, letters, &end, &status))
        return error_set(error, "out of memory");
    if (status == RECORD_FAILED || (status == RECORD_BAD && !ends_there(letters, end, length, &ends)))
        return letters_error(letters, "read", error);
    if (!ends)
        return letters_damaged(letters, end, "the letter there is not whole, but others follow it", error);
    letters->segment.end = end;
    letters->bytes = end;
    if (end == length)
        return true;
    if (letters->read_only)
        return leave_end(letters, end, length, error);
    log_warning(dead_letter_torn,
                "the last of the dead letters in %s/%s was being written when the program ended: its %" PRId64
                " bytes are cut off",
                letters->folder.path, file_name, length - end);
    return segment_cut(&letters->segment) || letters_error(letters, "cut", error);
}

/* The log is created by its first letter. */
static bool open_log(struct dead_letters *letters, struct error *error)
{
    struct error detail;
    bool any_spool = uuid_is_null(letters->uuid);
    if (faccessat(letters->folder.fd, file_name, F_OK, 0) < 0 && errno == ENOENT)
        return true;
    switch (segment_open(&letters->folder, file_name, letters->uuid, any_spool, first_id, !letters->read_only,
                         &letters->segment, NULL, &detail)) {
    case SEGMENT_OPEN:
        return scan(letters, error);
    case SEGMENT_BAD:
    case SEGMENT_MISNAMED:
        letters_damaged(letters, 0, detail.text, error);
        break;
    case SEGMENT_REFUSED:
    case SEGMENT_FAILED:
        error_set(error, "%s", detail.text);
        break;
    }
    letters->segment.fd = -1;
    return false;
}

static bool learn_uuid(struct dead_letters *letters, struct error *error)
{
    struct position position;
    enum position_status status = position_read(&letters->folder, &position, error);
    if (status == POSITION_READ)
        uuid_copy(letters->uuid, position.uuid);
    /* A reader does not need it. */
    else if (letters->read_only)
        uuid_clear(letters->uuid);
    else if (status == POSITION_MISSING)
        return error_set(error, "there is no spool in %s", letters->folder.path);
    return status == POSITION_READ || letters->read_only;
}

struct dead_letters *dead_letters_open(const char *directory, bool read_only, struct error *error)
{
    struct dead_letters *letters = calloc(1, sizeof *letters);
    if (!letters) {
        error_set(error, "out of memory");
        return NULL;
    }
    letters->read_only = read_only;
    letters->segment.fd = -1;
    if (!folder_open(&letters->folder, directory, false, error))
        letters->folder = (struct folder){.fd = -1};
    else if (learn_uuid(letters, error) && open_log(letters, error))
        return letters;
    dead_letters_close(letters);
    return NULL;
}

void dead_letters_close(struct dead_letters *letters)
{
    file_close(letters->segment.fd);
    id_set_free(&letters->ids);
    folder_close(&letters->folder);
    free(letters);
}

static bool create_log(struct dead_letters *letters, struct segment *segment)
{
    return segment_create(&letters->folder, file_name, letters->uuid, first_id, &letters->unreleased,
                          segment);
}

/* The log exists from its first letter on. */
static bool ensure_log(struct dead_letters *letters)
{
    struct segment segment;
    if (letters->segment.fd >= 0)
        return true;
    if (!create_log(letters, &segment))
        return false;
    if (file_sync(segment.fd) && folder_put_in_place(&letters->folder, file_name) &&
        folder_sync(&letters->folder)) {
        letters->segment = segment;
        letters->bytes = segment.end;
        return true;
    }
    segment_drop(&segment, &letters->folder, file_name);
    return false;
}

struct search {
    uint64_t id;
    bool found;
};

static bool compare(void *context, const struct spool_record *record)
{
    struct search *search = context;
    search->found = record->id == search->id;
    return !search->found;
}

static bool is_there(struct dead_letters *letters, uint64_t id, bool *found, struct error *error)
{
    enum id_set_answer answer = id_set_holds(&letters->ids, id);
    struct search search = {.id = id};
    if (answer == ID_SET_UNKNOWN && !dead_letters_each(letters, compare, &search, error))
        return false;
    *found = answer == ID_SET_YES || search.found;
    return true;
}

static bool write_letter(struct segment *segment, const struct spool_record *record, int64_t *length)
{
    return segment_append(segment, record, record->id, length) &&
           (file_sync(segment->fd) || segment_undo(segment));
}

bool dead_letters_append(struct dead_letters *letters, const struct spool_record *record, struct error *error)
{
    int64_t length;
    bool found;
    if (letters->read_only)
        return read_only_error(letters, error);
    if (record->id == 0)
        return error_set(error, "a dead letter needs its id in the spool");
    if (!record_check(record, error) || !is_there(letters, record->id, &found, error))
        return false;
    if (found)
        return true;
    if (!id_set_reserve(&letters->ids))
        return error_set(error, "out of memory");
    if (!ensure_log(letters) || !write_letter(&letters->segment, record, &length))
        return letters_error(letters, "write to", error);
    letters->segment.end += length;
    id_set_add(&letters->ids, record->id);
    letters->count++;
    letters->bytes = letters->segment.end;
    if (letters->watch)
        letters->watch(letters->watch_context, record);
    return true;
}

void dead_letters_watch(struct dead_letters *letters, dead_letter_visit *visit, void *context)
{
    letters->watch = visit;
    letters->watch_context = context;
}

uint64_t dead_letters_count(const struct dead_letters *letters)
{
    return atomic_load(&letters->count);
}

int64_t dead_letters_bytes(const struct dead_letters *letters)
{
    return atomic_load(&letters->bytes);
}

bool dead_letters_each(struct dead_letters *letters, dead_letter_visit *visit, void *context,
                       struct error *error)
{
    enum record_status status = RECORD_END;
    int64_t end;
    if (letters->segment.fd < 0 || !each(letters, letters->segment.end, visit, context, &end, &status) ||
        status == RECORD_END)
        return true;
    return status == RECORD_FAILED ? letters_error(letters, "read", error)
                                   : letters_damaged(letters, end, "the letter there is not whole", error);
}

/* The other letters go to a new log. */
struct removal {
    dead_letter_visit *remove;
    void *context;
    struct segment rest;
    struct id_set ids;
    uint64_t kept, removed;
    bool failed; /* errno */
};

static bool keep_or_remove(void *context, const struct spool_record *record)
{
    struct removal *removal = context;
    int64_t length;
    if (removal->remove(removal->context, record)) {
        removal->removed++;
        return true;
    }
    removal->failed =
        !id_set_reserve(&removal->ids) || !segment_append(&removal->rest, record, record->id, &length);
    if (removal->failed)
        return false;
    removal->rest.end += length;
    id_set_add(&removal->ids, record->id);
    removal->kept++;
    return true;
}

/* Writes the other letters beside the log and, if there was something to remove, replaces the log by that
 * file. */
static bool replace_log(struct dead_letters *letters, struct removal *removal, struct error *error)
{
    if (!dead_letters_each(letters, keep_or_remove, removal, error))
        return false;
    if (removal->failed)
        return letters_error(letters, "rewrite", error);
    if (removal->removed == 0)
        return true;
    return (file_sync(removal->rest.fd) && folder_put_in_place(&letters->folder, file_name)) ||
           letters_error(letters, "replace", error);
}

static void take_rest(struct dead_letters *letters, const struct removal *removal)
{
    close(letters->segment.fd);
    id_set_free(&letters->ids);
    letters->segment = removal->rest;
    letters->ids = removal->ids;
    letters->count = removal->kept;
    letters->bytes = removal->rest.end;
}

bool dead_letters_remove(struct dead_letters *letters, dead_letter_visit *remove, void *context,
                         uint64_t *removed, struct error *error)
{
    struct removal removal = {.remove = remove, .context = context};
    *removed = 0;
    if (letters->read_only)
        return read_only_error(letters, error);
    if (letters->segment.fd < 0)
        return true;
    if (!create_log(letters, &removal.rest))
        return letters_error(letters, "rewrite", error);
    bool ok = replace_log(letters, &removal, error);
    if (ok && removal.removed > 0) {
        take_rest(letters, &removal);
        *removed = removal.removed;
        return folder_sync(&letters->folder) || letters_error(letters, "sync", error);
    }
    id_set_free(&removal.ids);
    segment_drop(&removal.rest, &letters->folder, file_name);
    return ok;
}
