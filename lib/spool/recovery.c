#include "boot_id.h"
#include "file.h"
#include "internal.h"
#include "scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How far ids go on behind the last one found when some may be lost: whatever id a lost record had, it is
 * known elsewhere (Kafka), and must not be taken for a later one's. More records than can be written between
 * two syncs. */
static const uint64_t ids_skipped = UINT64_C(1) << 32;

struct recovery {
    struct spool *spool;
    uint64_t *ids; /* of the segments in the folder */
    size_t count;
    bool rebooted; /* the machine went down since the last sync: what was not synced may be lost or damaged */
    bool ids_lost; /* there may have been records that are not found */
};

/* The uuid of a spool without position file stands in its segments. */
static bool find_uuid(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    for (size_t i = 0; i < r->count; i++) {
        char name[SEGMENT_NAME_SIZE];
        struct segment segment;
        segment_name(r->ids[i], name);
        switch (
            segment_open(&s->folder, name, s->saved.uuid, true, r->ids[i], false, &segment, NULL, error)) {
        case SEGMENT_OPEN:
            close(segment.fd);
            return true;
        case SEGMENT_BAD:
            break;
        case SEGMENT_REFUSED:
        case SEGMENT_FAILED:
            return false;
        }
    }
    return error_set(
        error,
        "the spool %s has no position file, and no file in it has a whole header: move the folder away to "
        "begin anew",
        s->folder.path);
}

/* There is no position, or none to be used. */
static bool make_position(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    s->saved = (struct position){.id = 1};
    if (r->count == 0) {
        uuid_generate(s->saved.uuid);
        boot_id_read(s->saved.boot_id);
        return position_create(&s->folder, &s->saved, error);
    }
    if (r->ids[0] != 1 && !s->settings.repair)
        return error_set(
            error,
            "the spool %s has lost its file 'position', which tells what is delivered already. Restore it, "
            "or start once with --spool-repair to deliver all that is there, some of it perhaps again",
            s->folder.path);
    if (!find_uuid(r, error))
        return false;
    s->saved.id = r->ids[0];
    r->ids_lost = true;
    log_warning(spool_position_lost,
                "the spool %s has lost its position: all that is there, from id %" PRIu64
                " on, is delivered, some of it perhaps again",
                s->folder.path, s->saved.id);
    return position_create(&s->folder, &s->saved, error);
}

static bool recover_position(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    struct error detail;
    uuid_t boot_id;
    switch (position_read(&s->folder, &s->saved, &detail)) {
    case POSITION_READ:
        boot_id_read(boot_id);
        r->rebooted =
            !s->saved.clean && (uuid_is_null(boot_id) || uuid_compare(boot_id, s->saved.boot_id) != 0);
        r->ids_lost = s->lost_power = r->rebooted;
        return true;
    case POSITION_MISSING:
        return make_position(r, error);
    case POSITION_BAD:
        return s->settings.repair
                   ? make_position(r, error)
                   : error_set(error,
                               "the spool is damaged: %s. Start once with --spool-repair to deliver all "
                               "that is there, some of it perhaps again",
                               detail.text);
    case POSITION_REFUSED:
    case POSITION_FAILED:
        break;
    }
    return error_set(error, "%s", detail.text);
}

static bool begin_first_segment(struct spool *s, uint64_t first_id, struct error *error)
{
    char name[SEGMENT_NAME_SIZE];
    segment_name(first_id, name);
    if (!segment_list_reserve(&s->segments))
        return error_set(error, "out of memory");
    if (!segment_create(&s->folder, name, s->uuid, first_id, &s->unreleased, &s->active)) {
        s->active.fd = -1;
        return error_set(error, "cannot create %s/%s: %s", s->folder.path, name, strerror(errno));
    }
    if (!folder_put_in_place(&s->folder, name))
        return error_set(error, "cannot create %s/%s: %s", s->folder.path, name, strerror(errno));
    segment_list_add(&s->segments, first_id, s->active.end);
    /* What was synced is gone with the other segments. */
    s->saved.synced_segment = first_id;
    s->saved.synced_end = 0;
    return true;
}

/* Opens the last segment for appending, or the first. */
static bool open_active(struct spool *s, uint64_t next_id, struct error *error)
{
    char name[SEGMENT_NAME_SIZE];
    /* It may be just created, by this process or the one before. */
    s->folder_changed = true;
    if (s->segments.count == 0)
        return begin_first_segment(s, next_id, error);
    const struct segment_entry *last = &s->segments.entries[s->segments.count - 1];
    segment_name(last->first_id, name);
    if (segment_open(&s->folder, name, s->uuid, false, last->first_id, true, &s->active, NULL, error) !=
        SEGMENT_OPEN) {
        s->active.fd = -1;
        return false;
    }
    s->active.end = last->end;
    return true;
}

/* Ids are never used again: goes on behind all that may have been used. */
static bool skip_used_ids(struct recovery *r, struct scan *scan, struct error *error)
{
    struct spool *s = r->spool;
    const struct spool_record gap = {.kind = RECORD_GAP};
    uint64_t next = scan->next_id > s->saved.id ? scan->next_id : s->saved.id;
    int64_t length;
    if (r->ids_lost)
        next += ids_skipped;
    /* Half of all ids are more than one process can use up. */
    if (next > RECORD_LAST_ID / 2)
        return error_set(error, "the spool %s has no ids left: move the folder away to begin anew",
                         s->folder.path);
    if (next == scan->next_id)
        return true;
    if (!segment_append(&s->active, &gap, next - 1, &length))
        return error_set(error, "cannot write to the spool %s: %s", s->folder.path, strerror(errno));
    if (scan->mark.segment == 0)
        scan->mark = (struct record_place){scan->next_id, s->active.first_id, s->active.end};
    s->active.end += length;
    scan->next_id = next;
    return true;
}

/* From here on this start of the machine counts, and nothing is clean. */
static bool take_over(struct spool *s, struct error *error)
{
    boot_id_read(s->saved.boot_id);
    s->saved.clean = false;
    s->position_fd = position_open(&s->folder, error);
    if (s->position_fd < 0)
        return false;
    if (!position_write(s->position_fd, &s->saved) || !file_sync(s->position_fd))
        return error_set(error, "cannot write the position in the spool %s: %s", s->folder.path,
                         strerror(errno));
    s->saved_id = s->saved.id;
    return true;
}

static void set_counters(struct spool *s, const struct scan *scan)
{
    int64_t bytes = 0;
    for (size_t i = 0; i + 1 < s->segments.count; i++)
        bytes += s->segments.entries[i].end;
    atomic_store(&s->bytes, bytes + s->active.end);
    atomic_store(&s->committed_end, s->active.end);
    atomic_store(&s->next_id, scan->next_id);
    atomic_store(&s->received, s->saved.delivered + s->saved.dead + scan->messages);
    atomic_store(&s->unreleased_count, s->unreleased.count);
    atomic_store(&s->waiting_time, scan->oldest_time);
    spool_publish(s);
    spool_publish_saved(s);
}

static bool recover(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    struct scan scan;
    if (!recover_position(r, error))
        return false;
    uuid_copy(s->uuid, s->saved.uuid);
    uuid_unparse_lower(s->uuid, s->uuid_text);
    if (!spool_scan(s, r->ids, r->count, r->rebooted, &scan, error) || !open_active(s, scan.next_id, error) ||
        !skip_used_ids(r, &scan, error) || !take_over(s, error))
        return false;
    if (!window_init(&s->window, s->settings.window, s->saved.id, s->saved.delivered, s->saved.dead))
        return error_set(error, "out of memory for a window of %zu messages", s->settings.window);
    /* Without a mark everything is delivered: reading begins with what is appended next. */
    s->mark = scan.mark.segment ? scan.mark
                                : (struct record_place){scan.next_id, s->active.first_id, s->active.end};
    set_counters(s, &scan);
    return true;
}

bool spool_recover(struct spool *s, struct error *error)
{
    struct recovery r = {.spool = s};
    if (!folder_list_segments(&s->folder, &r.ids, &r.count, error))
        return false;
    bool ok = recover(&r, error);
    free(r.ids);
    return ok;
}
