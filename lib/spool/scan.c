#include "scan.h"

#include "salvage.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct scanner {
    struct spool *spool;
    const struct scan_settings *settings;
    struct scan found; /* in the segments accepted so far */
};

enum verdict {
    SEGMENT_WHOLE,
    SEGMENT_TORN,    /* nothing whole follows its end, and what follows was never stored or was lost with the
                        power */
    SEGMENT_HOLED,   /* some of it was lost with the power: whole records after the hole are kept */
    SEGMENT_DAMAGED, /* what was stored is gone */
};

/* The findings on one segment. */
struct examined {
    char name[SEGMENT_NAME_SIZE];
    uint64_t first_id;
    bool last;
    uint64_t followed_by;   /* first id of the next segment, unless it is the last */
    struct segment segment; /* its end is that of its whole records; closed */
    int64_t length;         /* of the file */
    struct scan found;      /* the result if the segment is accepted */
    enum verdict verdict;
    bool ends_early;     /* more was stored than the file has */
    struct error damage; /* what is wrong, with SEGMENT_DAMAGED */
};

bool spool_damaged(const struct folder *folder, const char *name, int64_t offset, const char *what,
                   struct error *error)
{
    return error_set(
        error,
        "the spool is damaged: %s/%s at offset %" PRId64
        ": %s. Start once with --spool-repair to keep the damaged file as %s.corrupt and continue with every record in it that is whole",
        folder->path, name, offset, what, name);
}

static bool cannot_read(const struct spool *s, const char *name, struct error *error)
{
    return error_set(error, "cannot read %s/%s: %s", s->folder.path, name, strerror(errno));
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

/* Does the last segment end before what was stored according to the position? */
static bool ends_before_position(const struct scanner *c, const struct examined *e)
{
    return c->settings->position_is_known && !c->settings->rebooted && e->found.next_id < c->spool->saved.id;
}

/* The power was lost before this was synced. */
static bool judge_unsynced(struct scanner *c, struct examined *e, struct error *error)
{
    struct spool *s = c->spool;
    enum record_status status = RECORD_WHOLE;
    if (e->last) {
        s->reader.offset = e->segment.end;
        status = record_reader_search(&s->reader, e->length, e->found.next_id, RECORD_LAST_ID);
    }
    e->verdict = status == RECORD_END ? SEGMENT_TORN : SEGMENT_HOLED;
    return status != RECORD_FAILED || cannot_read(s, e->name, error);
}

/* There was no power loss: an interrupted write leaves the beginning of a record and nothing else. */
static bool judge_written(struct scanner *c, struct examined *e, struct error *error)
{
    struct spool *s = c->spool;
    bool failed = false;
    s->reader.offset = e->segment.end;
    if (e->segment.end == e->length && !e->last) {
        char missing[SEGMENT_NAME_SIZE];
        segment_name(e->found.next_id, missing);
        error_set(&e->damage,
                  "id %" PRIu64 " should follow, but the next file begins with id %" PRIu64
                  ": is %s missing?",
                  e->found.next_id, e->followed_by, missing);
    } else if (ends_before_position(c, e)) {
        e->ends_early = true;
        error_set(&e->damage,
                  "id %" PRIu64 " should follow, since the position is id %" PRIu64
                  ": restore this file, or those after it",
                  e->found.next_id, s->saved.id);
    } else if (e->last && record_reader_is_torn(&s->reader, e->length, &failed)) {
        e->verdict = SEGMENT_TORN;
    } else {
        error_set(&e->damage, "id %" PRIu64 " is not whole", e->found.next_id);
    }
    return !failed || cannot_read(s, e->name, error);
}

/* Judges a segment whose records end too early. */
static bool judge(struct scanner *c, struct examined *e, struct error *error)
{
    e->verdict = SEGMENT_DAMAGED;
    if (position_is_synced(&c->spool->saved, e->first_id, e->segment.end)) {
        e->ends_early = true;
        error_set(&e->damage, "id %" PRIu64 " was stored and synced, but is missing or not whole",
                  e->found.next_id);
        return true;
    }
    return c->settings->rebooted ? judge_unsynced(c, e, error) : judge_written(c, e, error);
}

static bool examine(struct scanner *c, size_t index, struct examined *e, struct error *error)
{
    struct spool *s = c->spool;
    const struct scan_settings *settings = c->settings;
    *e = (struct examined){
        .first_id = settings->ids[index],
        .last = index + 1 == settings->count,
        .followed_by = index + 1 < settings->count ? settings->ids[index + 1] : 0,
        .found = c->found,
    };
    segment_name(e->first_id, e->name);
    switch (segment_open(&s->folder, e->name, s->uuid, false, e->first_id, false, &e->segment, &s->unreleased,
                         &e->damage)) {
    case SEGMENT_OPEN:
        break;
    case SEGMENT_BAD:
        e->verdict = settings->rebooted && !position_is_synced(&s->saved, e->first_id, 0) ? SEGMENT_HOLED
                                                                                          : SEGMENT_DAMAGED;
        e->ends_early = position_is_synced(&s->saved, e->first_id, e->segment.end);
        e->segment.end = 0;
        return true;
    case SEGMENT_MISNAMED:
    case SEGMENT_REFUSED:
    case SEGMENT_FAILED:
        return error_set(error, "%s", e->damage.text);
    }
    bool ok = read_records(c, e, error);
    bool whole =
        e->segment.end == e->length &&
        (e->last ? !position_is_synced(&s->saved, e->first_id, e->length) && !ends_before_position(c, e)
                 : e->found.next_id == e->followed_by);
    if (ok && !whole)
        ok = judge(c, e, error);
    close(e->segment.fd);
    return ok;
}

static bool rewrite(struct scanner *c, struct examined *e, struct error *error)
{
    struct spool *s = c->spool;
    const struct salvage_order order = {
        .name = e->name,
        .first_id = e->first_id,
        .followed_by = e->followed_by,
        .ends_early = e->ends_early,
        .position = s->saved.id,
        .keep = e->verdict == SEGMENT_DAMAGED,
    };
    if (!salvage_segment(&s->folder, s->uuid, &order, &s->unreleased, error))
        return false;
    if (s->saved.synced_segment >= e->first_id) {
        s->saved.synced_segment = e->first_id;
        s->saved.synced_end = 0;
    }
    return true;
}

/* Judges one segment and adds its findings. */
static bool take(struct scanner *c, size_t index, struct error *error)
{
    struct spool *s = c->spool;
    struct examined e;
    if (!examine(c, index, &e, error))
        return false;
    if (e.verdict == SEGMENT_DAMAGED && !s->settings.repair)
        return spool_damaged(&s->folder, e.name, e.segment.end, e.damage.text, error);
    bool damaged = e.verdict == SEGMENT_DAMAGED || e.verdict == SEGMENT_HOLED;
    c->found.damaged += damaged;
    if (damaged && !c->settings->rewrite)
        return true;
    /* After a damaged header there may be a damaged end. */
    for (int tries = 0; damaged && tries < 2; tries++) {
        if (!rewrite(c, &e, error) || !examine(c, index, &e, error))
            return false;
        damaged = e.verdict != SEGMENT_WHOLE;
    }
    if (damaged)
        return spool_damaged(&s->folder, e.name, e.segment.end, e.damage.text, error);
    if (!segment_list_reserve(&s->segments))
        return error_set(error, "out of memory");
    segment_list_add(&s->segments, e.first_id, e.segment.end);
    c->found = e.found;
    return true;
}

/* The index of the segment that holds the position, which is corrected if that one is missing; 0 when there
 * is none. */
static bool find_start(struct scanner *c, struct error *error)
{
    struct spool *s = c->spool;
    const uint64_t *ids = c->settings->ids;
    size_t *start = &c->found.start;
    while (*start + 1 < c->settings->count && ids[*start + 1] <= s->saved.id)
        ++*start;
    if (c->settings->count == 0 || ids[*start] <= s->saved.id)
        return true;
    if (!s->settings.repair)
        return error_set(
            error,
            "the spool is damaged: the files in %s that held the ids from %" PRIu64 " to %" PRIu64
            " are missing. Restore them, or start once with --spool-repair to continue without them",
            s->folder.path, s->saved.id, ids[0] - 1);
    log_warning(spool_ids_lost,
                "the spool %s has lost the ids from %" PRIu64 " to %" PRIu64 ": continuing without them",
                s->folder.path, s->saved.id, ids[0] - 1);
    s->saved.id = ids[0];
    return true;
}

bool spool_scan(struct spool *s, const struct scan_settings *settings, struct scan *scan, struct error *error)
{
    struct scanner c = {.spool = s, .settings = settings};
    segment_list_free(&s->segments);
    unreleased_clear(&s->unreleased);
    if (!find_start(&c, error))
        return false;
    c.found.next_id = settings->count > 0 ? settings->ids[c.found.start] : s->saved.id;
    for (size_t i = c.found.start; i < settings->count; i++)
        if (!take(&c, i, error))
            return false;
    *scan = c.found;
    return true;
}
