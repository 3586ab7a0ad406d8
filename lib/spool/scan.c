#include "scan.h"

#include "salvage.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scanner {
    struct spool *spool;
    const uint64_t *ids;
    size_t count;
    bool rebooted;
    struct scan found; /* in the segments accepted so far */
};

enum verdict {
    SEGMENT_WHOLE,
    SEGMENT_TORN, /* what stands behind its end was never stored, or went with the power: it can be cut off */
    SEGMENT_LOST, /* the same for the whole segment */
    SEGMENT_DAMAGED, /* what was stored is gone */
};

/* A segment as it was found. */
struct examined {
    char name[SEGMENT_NAME_SIZE];
    uint64_t first_id;
    bool last;
    uint64_t followed_by;   /* first id of the next segment, unless it is the last */
    struct segment segment; /* open unless fd is -1; its end is where its whole records end */
    int64_t length;         /* of the file */
    struct scan found;      /* as it is when the segment is accepted */
    struct error damage;    /* what is wrong, with SEGMENT_DAMAGED */
};

bool spool_damaged(const struct folder *folder, const char *name, int64_t offset, const char *what,
                   struct error *error)
{
    return error_set(
        error,
        "the spool is damaged: %s/%s at offset %" PRId64
        ": %s. Start once with --spool-repair to keep the damaged file as %s.corrupt and go on with "
        "every record in it that is whole",
        folder->path, name, offset, what, name);
}

static bool cannot_read(const struct spool *s, const char *name, struct error *error)
{
    return error_set(error, "cannot read %s/%s: %s", s->folder.path, name, strerror(errno));
}

/* Was the byte at this offset made durable? */
static bool is_synced(const struct spool *s, uint64_t segment, int64_t offset)
{
    return segment < s->saved.synced_segment ||
           (segment == s->saved.synced_segment && offset < s->saved.synced_end);
}

/* Reads the records up to the first bad one and moves the segment's end there. */
static bool read_records(struct scanner *c, struct examined *e, struct error *error)
{
    struct spool *s = c->spool;
    struct spool_record record;
    enum record_status status;
    e->length = e->segment.end;
    e->segment.end = e->segment.header_length;
    e->found.next_id = e->first_id;
    record_reader_open(&s->reader, e->segment.fd, e->segment.seed, e->segment.header_length);
    while ((status = record_reader_next(&s->reader, e->length, &record)) == RECORD_WHOLE) {
        if (record.kind == RECORD_GAP ? record.id < e->found.next_id : record.id != e->found.next_id)
            break;
        if (record.id >= s->saved.id && e->found.mark.segment == 0)
            e->found.mark = (struct record_place){e->found.next_id, e->first_id, e->segment.end};
        if (record.id >= s->saved.id && record.kind == SPOOL_MESSAGE && e->found.messages++ == 0)
            e->found.oldest_time = record.time;
        spool_apply_packet_id(&s->unreleased, &record);
        e->found.next_id = record.id + 1;
        e->segment.end = s->reader.offset;
    }
    return status != RECORD_FAILED || cannot_read(s, e->name, error);
}

/* Judges a segment whose records end too early. */
static bool judge(struct scanner *c, struct examined *e, enum verdict *verdict, struct error *error)
{
    struct spool *s = c->spool;
    *verdict = SEGMENT_DAMAGED;
    if (is_synced(s, e->first_id, e->segment.end)) {
        error_set(&e->damage, "id %" PRIu64 " was stored and synced, but is not there or not whole",
                  e->found.next_id);
    } else if (c->rebooted) {
        *verdict = SEGMENT_TORN;
    } else if (e->segment.end == e->length) {
        error_set(&e->damage, "id %" PRIu64 " should follow, but the next file begins with id %" PRIu64,
                  e->found.next_id, e->followed_by);
    } else if (!e->last) {
        error_set(&e->damage, "id %" PRIu64 " is not whole", e->found.next_id);
    } else {
        s->reader.offset = e->segment.end + 1;
        enum record_status status =
            record_reader_search(&s->reader, e->length, e->found.next_id, RECORD_LAST_ID);
        if (status == RECORD_FAILED)
            return cannot_read(s, e->name, error);
        if (status == RECORD_END)
            *verdict = SEGMENT_TORN;
        else
            error_set(&e->damage, "id %" PRIu64 " is not whole, but records stand behind it",
                      e->found.next_id);
    }
    return true;
}

static bool examine(struct scanner *c, size_t index, struct examined *e, enum verdict *verdict,
                    struct error *error)
{
    struct spool *s = c->spool;
    *e = (struct examined){
        .first_id = c->ids[index],
        .last = index + 1 == c->count,
        .followed_by = index + 1 < c->count ? c->ids[index + 1] : 0,
        .found = c->found,
    };
    segment_name(e->first_id, e->name);
    switch (segment_open(&s->folder, e->name, s->uuid, false, e->first_id, true, &e->segment, &s->unreleased,
                         &e->damage)) {
    case SEGMENT_OPEN:
        break;
    case SEGMENT_BAD:
        e->segment.fd = -1;
        *verdict = c->rebooted && !is_synced(s, e->first_id, 0) ? SEGMENT_LOST : SEGMENT_DAMAGED;
        return true;
    case SEGMENT_REFUSED:
    case SEGMENT_FAILED:
        e->segment.fd = -1;
        return error_set(error, "%s", e->damage.text);
    }
    if (!read_records(c, e, error))
        return false;
    *verdict = SEGMENT_WHOLE;
    if (e->segment.end == e->length &&
        (e->last ? !is_synced(s, e->first_id, e->length) : e->found.next_id == e->followed_by))
        return true;
    return judge(c, e, verdict, error);
}

static void log_lost(const struct scanner *c, const char *name, int64_t bytes)
{
    if (c->rebooted)
        log_warning(spool_unsynced_lost,
                    "the spool %s: the machine went down before %s was synced; %" PRId64
                    " bytes of it are lost or not whole, and cut off",
                    c->spool->folder.path, name, bytes);
    else
        log_warning(
            spool_record_torn,
            "the spool %s: the last record in %s was being written when the program ended, and is not "
            "acknowledged; its %" PRId64 " bytes are cut off",
            c->spool->folder.path, name, bytes);
}

/* Removes the segments from `index` on, the last one first, so that a kill in between leaves no gap. */
static bool remove_lost(struct scanner *c, size_t index, struct error *error)
{
    struct spool *s = c->spool;
    for (size_t i = c->count; i > index; i--) {
        char name[SEGMENT_NAME_SIZE];
        struct stat status;
        segment_name(c->ids[i - 1], name);
        if (fstatat(s->folder.fd, name, &status, 0) < 0)
            return cannot_read(s, name, error);
        log_lost(c, name, status.st_size);
        if (unlinkat(s->folder.fd, name, 0) < 0)
            return error_set(error, "cannot remove %s/%s: %s", s->folder.path, name, strerror(errno));
    }
    return true;
}

static bool cut(struct scanner *c, struct examined *e, size_t index, struct error *error)
{
    if (!remove_lost(c, index + 1, error))
        return false;
    if (e->segment.end < e->length)
        log_lost(c, e->name, e->length - e->segment.end);
    return segment_cut(&e->segment) ||
           error_set(error, "cannot cut %s/%s: %s", c->spool->folder.path, e->name, strerror(errno));
}

static bool repair(struct scanner *c, const struct examined *e, struct error *error)
{
    struct spool *s = c->spool;
    if (!s->settings.repair)
        return spool_damaged(&s->folder, e->name, e->segment.end, e->damage.text, error);
    if (!salvage_segment(&s->folder, e->name, s->uuid, e->first_id, e->followed_by, &s->unreleased, error))
        return false;
    if (s->saved.synced_segment >= e->first_id) {
        s->saved.synced_segment = e->first_id;
        s->saved.synced_end = 0;
    }
    return true;
}

static void close_segment(struct examined *e)
{
    if (e->segment.fd >= 0)
        close(e->segment.fd);
    e->segment.fd = -1;
}

/* Takes one segment in. *more is false when it has become the last. */
static bool take(struct scanner *c, size_t index, bool *more, struct error *error)
{
    struct spool *s = c->spool;
    struct examined e;
    enum verdict verdict = SEGMENT_WHOLE;
    bool ok = examine(c, index, &e, &verdict, error);
    if (ok && verdict == SEGMENT_DAMAGED) {
        close_segment(&e);
        ok = repair(c, &e, error) && examine(c, index, &e, &verdict, error);
        if (ok && verdict != SEGMENT_WHOLE)
            ok = spool_damaged(&s->folder, e.name, e.segment.end, e.damage.text, error);
    }
    *more = verdict == SEGMENT_WHOLE;
    if (ok && verdict == SEGMENT_LOST) {
        close_segment(&e);
        return remove_lost(c, index, error);
    }
    if (ok && verdict == SEGMENT_TORN)
        ok = cut(c, &e, index, error);
    if (ok && !segment_list_reserve(&s->segments))
        ok = error_set(error, "out of memory");
    if (ok) {
        segment_list_add(&s->segments, e.first_id, e.segment.end);
        c->found = e.found;
    }
    close_segment(&e);
    return ok;
}

/* The index of the segment that holds the position, which is corrected if that one is missing; 0 when there
 * is none. */
static bool find_start(struct scanner *c, size_t *start, struct error *error)
{
    struct spool *s = c->spool;
    *start = 0;
    while (*start + 1 < c->count && c->ids[*start + 1] <= s->saved.id)
        ++*start;
    if (c->count == 0 || c->ids[*start] <= s->saved.id)
        return true;
    if (!s->settings.repair)
        return error_set(
            error,
            "the spool is damaged: the files in %s that held the ids from %" PRIu64 " to %" PRIu64
            " are missing. Restore them, or start once with --spool-repair to go on without them",
            s->folder.path, s->saved.id, c->ids[0] - 1);
    log_warning(spool_ids_lost,
                "the spool %s has lost the ids from %" PRIu64 " to %" PRIu64 ": going on without them",
                s->folder.path, s->saved.id, c->ids[0] - 1);
    s->saved.id = c->ids[0];
    return true;
}

/* The kill came between saving the position and removing what is below it. */
static void remove_delivered(const struct scanner *c, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(c->ids[i], name);
        if (unlinkat(c->spool->folder.fd, name, 0) < 0)
            log_warning(spool_file_kept, "cannot remove the delivered file %s/%s: %s", c->spool->folder.path,
                        name, strerror(errno));
    }
}

bool spool_scan(struct spool *s, const uint64_t *ids, size_t count, bool rebooted, struct scan *scan,
                struct error *error)
{
    struct scanner c = {.spool = s, .ids = ids, .count = count, .rebooted = rebooted};
    size_t start;
    bool more = true;
    if (!find_start(&c, &start, error))
        return false;
    remove_delivered(&c, start);
    c.found.next_id = count > 0 ? ids[start] : s->saved.id;
    for (size_t i = start; i < count && more; i++)
        if (!take(&c, i, &more, error))
            return false;
    *scan = c.found;
    return true;
}
