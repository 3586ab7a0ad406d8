#include "core/boot_id.h"
#include "dead_letters_recovery.h"
#include "file.h"
#include "internal.h"
#include "inventory.h"
#include "salvage.h"
#include "scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct recovery {
    struct spool *spool;
    struct inventory inventory;
    uint64_t *ids; /* of the segments that are in order */
    size_t count;
    bool position_found; /* else there is none, or it cannot be used: */
    bool position_bad;   /* the file exists, but is not whole */
    bool rebooted; /* the machine went down since the last sync: what was not synced may be lost or damaged */
    bool ids_lost; /* there may have been records that were not found */
    bool letters_damaged;
    struct scan scan;
};

/* ---- looking: nothing is changed ---- */

static bool look_at_position(struct recovery *r, struct error *error)
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
        r->position_found = true;
        return true;
    case POSITION_MISSING:
        return true;
    case POSITION_BAD:
        r->position_bad = true;
        return s->settings.repair ||
               error_set(
                   error,
                   "the spool is damaged: %s. Restore it, or start once with --spool-repair to deliver everything in the spool, some messages perhaps again",
                   detail.text);
    case POSITION_REFUSED:
    case POSITION_FAILED:
        break;
    }
    return error_set(error, "%s", detail.text);
}

/* No segment, no position: a new spool, unless dead letters are left of an older one. */
static bool begin_spool(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    if (!dead_letters_find_uuid(&s->folder, s->saved.uuid)) {
        uuid_generate_random(s->saved.uuid);
        boot_id_read(s->saved.boot_id);
        r->ids_lost = r->position_bad;
        return true;
    }
    r->ids_lost = true;
    return s->settings.repair ||
           error_set(
               error,
               "the spool %s has lost all its files but " DEAD_LETTERS_NAME
               ". Restore them, or move that one away too, or start once with --spool-repair to keep only the dead letters",
               s->folder.path);
}

/* Without a position file the spool's uuid comes from its segments. */
static bool do_without_position(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    s->saved = (struct position){.id = 1};
    if (r->inventory.count == 0)
        return begin_spool(r, error);
    r->ids_lost = true;
    return inventory_find_uuid(&r->inventory, s->saved.uuid) ||
           error_set(
               error,
               "the spool %s has no position file, and no file in it has a whole header. Restore the file 'position', or move the folder away to begin with a new one",
               s->folder.path);
}

static bool take_ids(struct recovery *r, struct error *error)
{
    free(r->ids);
    r->ids = calloc(r->inventory.count + 1, sizeof *r->ids);
    if (!r->ids)
        return error_set(error, "out of memory");
    r->count = inventory_ids(&r->inventory, r->ids);
    return true;
}

/* Where does delivery begin? */
static bool look_at_start(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    if (!r->position_found && r->count > 0 && r->ids[0] != 1 && !s->settings.repair)
        return error_set(
            error,
            "the spool %s has lost its file 'position', which says what is already delivered. Restore it, or start once with --spool-repair to deliver everything in the spool, some messages perhaps again",
            s->folder.path);
    if (!r->position_found && r->count > 0)
        s->saved.id = r->ids[0];
    /* A spool that was just created has no segment yet. Neither has one whose machine went down before any
     * segment was synced. */
    bool may_have_none =
        !r->position_found || s->saved.sequence == 0 || (r->rebooted && s->saved.synced_end == 0);
    if (r->count > 0 || may_have_none)
        return true;
    r->ids_lost = true;
    return s->settings.repair ||
           error_set(
               error,
               "the spool is damaged: all files in %s that held messages are missing, and its position shows that there were some, up to id %" PRIu64
               " delivered. Restore the files *.seg, or start once with --spool-repair to continue without what they held",
               s->folder.path, s->saved.id - 1);
}

static bool look_at_letters(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    switch (dead_letters_check(&s->folder, s->saved.uuid, r->rebooted, error)) {
    case LETTERS_WHOLE:
        return true;
    case LETTERS_DAMAGED:
        r->letters_damaged = true;
        return s->settings.repair;
    case LETTERS_REFUSED:
        break;
    }
    return false;
}

static bool look_at_names(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    char name[SEGMENT_NAME_SIZE], right[SEGMENT_NAME_SIZE],
        what[100] = "neither its header nor any record is whole";
    if (!inventory_check(&r->inventory, &s->folder, &s->saved, r->rebooted, error))
        return false;
    const struct inventory_file *problem = inventory_problem(&r->inventory);
    if (!problem || s->settings.repair)
        return true;
    segment_name(problem->name_id, name);
    segment_name(problem->first_id, right);
    if (problem->state == FILE_MISNAMED)
        snprintf(what, sizeof what, "its header says that its name is %s", right);
    return spool_damaged(&s->folder, name, 0, what, error);
}

static bool scan(struct recovery *r, bool rewrite, struct error *error)
{
    const struct scan_settings settings = {
        .ids = r->ids,
        .count = r->count,
        .rebooted = r->rebooted,
        .position_is_known = r->position_found,
        .rewrite = rewrite,
    };
    return spool_scan(r->spool, &settings, &r->scan, error);
}

/* The id that the next record will have: ids are never used again. */
static uint64_t find_next_id(const struct recovery *r)
{
    const struct spool *s = r->spool;
    uint64_t next = r->scan.next_id > s->saved.id ? r->scan.next_id : s->saved.id;
    return r->ids_lost ? next + SALVAGE_SKIPPED_IDS : next;
}

/* Half of all ids are more than one process can use up. */
static bool check_ids(const struct recovery *r, struct error *error)
{
    return find_next_id(r) <= RECORD_LAST_ID / 2 ||
           error_set(error, "the spool %s has no ids left: move the folder away to begin with a new one",
                     r->spool->folder.path);
}

/* True when the spool can be opened, if need be with the repair that was asked for. */
static bool look(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    if (!inventory_take(&r->inventory, &s->folder, error) || !look_at_position(r, error) ||
        (!r->position_found && !do_without_position(r, error)) || !look_at_names(r, error) ||
        !take_ids(r, error) || !look_at_start(r, error) || !look_at_letters(r, error))
        return false;
    uuid_copy(s->uuid, s->saved.uuid);
    uuid_unparse_lower(s->uuid, s->uuid_text);
    /* While names are wrong the order of the segments is unknown. */
    if (inventory_problem(&r->inventory))
        return true;
    return scan(r, false, error) && check_ids(r, error);
}

/* ---- acting ---- */

/* Without a boot id, unless it is a new spool's, so that ids are skipped even if this start is killed now. */
static bool make_position(const struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    char kept[FOLDER_NAME_SIZE];
    if (r->ids_lost)
        log_warning(spool_position_lost,
                    "the spool %s has lost its position: everything in it, from id %" PRIu64
                    " on, is delivered, some messages perhaps again",
                    s->folder.path, s->saved.id);
    if (r->position_bad && !folder_keep(&s->folder, "position", kept))
        return error_set(error, "cannot keep %s/position as position.corrupt: %s", s->folder.path,
                         strerror(errno));
    return position_create(&s->folder, &s->saved, error);
}

/* Repairs what was found, if a repair was asked for or a power loss explains it. */
static bool repair(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    bool reordered = r->count < r->inventory.count;
    if (reordered) {
        if (!inventory_put_in_order(&r->inventory, &s->folder, error))
            return false;
        inventory_free(&r->inventory);
        if (!inventory_take(&r->inventory, &s->folder, error) || !look_at_names(r, error) ||
            !take_ids(r, error) || !look_at_start(r, error))
            return false;
    }
    if (r->letters_damaged && !dead_letters_repair(&s->folder, s->saved.uuid, error))
        return false;
    return !(reordered || r->scan.damaged > 0) || scan(r, true, error);
}

/* After a kill between saving the position and removing what is below it. */
static void remove_delivered(const struct recovery *r)
{
    for (size_t i = 0; i < r->scan.start; i++) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(r->ids[i], name);
        if (unlinkat(r->spool->folder.fd, name, 0) < 0)
            log_warning(spool_file_kept, "cannot remove the delivered file %s/%s: %s", r->spool->folder.path,
                        name, strerror(errno));
    }
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

/* Cuts off what is not whole after the end of the last segment: nothing whole follows it. */
static bool cut_end(const struct recovery *r, const char *name, int64_t length, struct error *error)
{
    struct spool *s = r->spool;
    int64_t bytes = length - s->active.end;
    if (bytes == 0)
        return true;
    if (r->rebooted)
        log_warning(spool_unsynced_lost,
                    "the spool %s: the machine went down before %s was synced: its last %" PRId64
                    " bytes, from offset %" PRId64 " on, are lost or not whole, and cut off",
                    s->folder.path, name, bytes, s->active.end);
    else
        log_warning(
            spool_record_torn,
            "the spool %s: the last record in %s was being written when the program ended, and is not acknowledged; its %" PRId64
            " bytes, from offset %" PRId64 " on, are cut off",
            s->folder.path, name, bytes, s->active.end);
    return segment_cut(&s->active) ||
           error_set(error, "cannot cut %s/%s: %s", s->folder.path, name, strerror(errno));
}

/* Opens the last segment for appending, or the first. */
static bool open_active(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    char name[SEGMENT_NAME_SIZE];
    /* This process or the one before may just have created it. */
    s->folder_changed = true;
    if (s->segments.count == 0)
        return begin_first_segment(s, r->scan.next_id, error);
    const struct segment_entry *last = &s->segments.entries[s->segments.count - 1];
    segment_name(last->first_id, name);
    if (segment_open(&s->folder, name, s->uuid, false, last->first_id, true, &s->active, NULL, error) !=
        SEGMENT_OPEN)
        return false;
    int64_t length = s->active.end;
    s->active.end = last->end;
    return cut_end(r, name, length, error);
}

/* Continues after all ids that may have been used. */
static bool skip_used_ids(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    struct scan *found = &r->scan;
    const struct spool_record gap = {.kind = RECORD_GAP};
    uint64_t next = find_next_id(r);
    int64_t length;
    if (next == found->next_id)
        return true;
    if (!segment_append(&s->active, &gap, next - 1, &length))
        return error_set(error, "cannot write to the spool %s: %s", s->folder.path, strerror(errno));
    if (found->mark.segment == 0)
        found->mark = (struct record_place){found->next_id, s->active.first_id, s->active.end};
    s->active.end += length;
    found->next_id = next;
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

/* Everything is accepted: from here on files are changed. */
static bool accept_all(struct recovery *r, struct error *error)
{
    struct spool *s = r->spool;
    const struct scan *found = &r->scan;
    folder_remove_temporary(&s->folder);
    if (!repair(r, error) || !check_ids(r, error))
        return false;
    if (!r->position_found && !make_position(r, error))
        return false;
    if (r->position_found && r->count == 0 && r->ids_lost)
        log_warning(
            spool_ids_lost,
            "the spool %s: the files that held messages are gone: continuing without what was in them from id %" PRIu64
            " on",
            s->folder.path, s->saved.id);
    remove_delivered(r);
    if (!open_active(r, error) || !skip_used_ids(r, error) || !take_over(s, error))
        return false;
    if (!window_init(&s->window, s->settings.window, s->saved.id, s->saved.delivered, s->saved.dead))
        return error_set(error, "out of memory for a window of %zu messages", s->settings.window);
    /* Without a mark everything is delivered: reading begins with what is appended next. */
    s->mark = found->mark.segment ? found->mark
                                  : (struct record_place){found->next_id, s->active.first_id, s->active.end};
    set_counters(s, found);
    return true;
}

bool spool_recover(struct spool *s, struct error *error)
{
    struct recovery r = {.spool = s};
    bool ok = look(&r, error) && accept_all(&r, error);
    inventory_free(&r.inventory);
    free(r.ids);
    return ok;
}
