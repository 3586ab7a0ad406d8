#include "salvage.h"

#include "core/log.h"
#include "file.h"
#include "record_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Reads the damaged file and writes the new one. */
struct salvage {
    const struct salvage_order *order;
    struct record_reader from;
    int64_t length; /* of the damaged file */
    struct segment to;
    uint64_t next_id; /* in the new one */
    uint64_t kept, lost;
    int64_t first_lost; /* offset in the damaged file; -1: nothing is lost */
    bool end_lost;      /* and with it more ids than are counted */
    uint64_t left;      /* whole records whose ids the next segment has too */
};

static bool append(struct salvage *v, const struct spool_record *record, uint64_t id)
{
    int64_t length;
    if (!segment_append(&v->to, record, id, &length))
        return false;
    v->to.end += length;
    v->next_id = id + 1;
    return true;
}

/* Makes `id` the next one. What was lost may have released packet ids. An id that is held for ever would make
 * a later message count as stored already, so all are released. */
static bool skip_to(struct salvage *v, uint64_t id, int64_t offset)
{
    const struct spool_record gap = {.kind = RECORD_GAP}, forget = {.kind = SPOOL_FORGET};
    if (id == v->next_id)
        return true;
    if (v->first_lost < 0)
        v->first_lost = offset;
    v->lost += v->end_lost ? 1 : id - v->next_id;
    return (id - 1 == v->next_id || append(v, &gap, id - 2)) && append(v, &forget, id - 1);
}

/* The end of the last segment is lost, and so is the number of its ids. */
static bool skip_unknown(struct salvage *v, int64_t offset)
{
    uint64_t from = v->next_id > v->order->position ? v->next_id : v->order->position;
    v->end_lost = true;
    if (from <= RECORD_LAST_ID - SALVAGE_SKIPPED_IDS)
        return skip_to(v, from + SALVAGE_SKIPPED_IDS, offset);
    errno = EOVERFLOW;
    return false;
}

/* A gap covers all ids from the record before it on. Which of them the bytes before it held is unknown. */
static bool copy_gap(struct salvage *v, const struct spool_record *gap, int64_t skipped_from)
{
    if (skipped_from < 0)
        return append(v, gap, gap->id);
    return skip_to(v, v->next_id + 1, skipped_from) && (gap->id < v->next_id || append(v, gap, gap->id));
}

/* Whole records with the ids of the next segment: they stay in the damaged file. */
static bool count_left(struct salvage *v)
{
    struct spool_record record;
    enum record_status status = RECORD_END;
    v->from.offset = 0;
    while (v->order->followed_by > 0 &&
           (status = record_reader_search(&v->from, v->length, v->order->followed_by, RECORD_LAST_ID)) ==
               RECORD_WHOLE &&
           record_reader_next(&v->from, v->length, &record) == RECORD_WHOLE)
        v->left++;
    return status == RECORD_END;
}

static bool copy_records(struct salvage *v, int64_t from)
{
    struct spool_record record;
    enum record_status status;
    uint64_t last = v->order->followed_by ? v->order->followed_by - 1 : RECORD_LAST_ID;
    int64_t end = from; /* after the last whole record */
    v->from.offset = from;
    while ((status = record_reader_search(&v->from, v->length, v->next_id, last)) == RECORD_WHOLE) {
        int64_t skipped_from = v->from.offset > end ? end : -1;
        status = record_reader_next(&v->from, v->length, &record);
        if (status != RECORD_WHOLE)
            break;
        bool ok = record.kind == RECORD_GAP ? copy_gap(v, &record, skipped_from)
                                            : skip_to(v, record.id, end) && append(v, &record, record.id);
        if (!ok)
            return false;
        v->kept += record.kind != RECORD_GAP;
        end = v->from.offset;
    }
    if (status != RECORD_END)
        return false;
    if (v->order->followed_by)
        return skip_to(v, v->order->followed_by, end) && count_left(v);
    return !(v->order->ends_early || end < v->length) || skip_unknown(v, end);
}

static void log_result(const struct salvage *v, const struct folder *folder, const char *kept)
{
    char ids[200] = "";
    const char *name = v->order->name;
    if (v->lost > 0)
        snprintf(ids, sizeof ids, ", from offset %" PRId64 " on %" PRIu64 " ids are lost%s", v->first_lost,
                 v->lost, v->end_lost ? " or more" : "");
    if (v->left > 0)
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids),
                 ", %" PRIu64 " records are left in it whose ids the next file has too", v->left);
    if (v->order->keep)
        log_warning(spool_repaired,
                    "the spool %s is repaired: %" PRIu64
                    " records of %s are kept%s; the damaged file is %s/%s",
                    folder->path, v->kept, name, ids, folder->path, kept);
    else
        log_warning(spool_unsynced_lost,
                    "the spool %s: the machine went down before %s was synced: %" PRIu64
                    " records of it are kept%s",
                    folder->path, name, v->kept, ids);
}

static bool replace(struct salvage *v, const struct folder *folder, const uuid_t uuid, int64_t records_from,
                    const struct unreleased *unreleased)
{
    char kept[FOLDER_NAME_SIZE] = "";
    const char *name = v->order->name;
    if (!segment_create(folder, name, uuid, v->order->first_id, unreleased, &v->to))
        return false;
    bool ok = copy_records(v, records_from) && file_sync(v->to.fd) &&
              (!v->order->keep || folder_keep(folder, name, kept)) && folder_put_in_place(folder, name) &&
              folder_sync(folder);
    if (!ok) {
        segment_drop(&v->to, folder, name);
        return false;
    }
    close(v->to.fd);
    log_result(v, folder, kept);
    return true;
}

bool salvage_segment(const struct folder *folder, uuid_t uuid, const struct salvage_order *order,
                     struct unreleased *unreleased, struct error *error)
{
    struct salvage v = {.order = order, .next_id = order->first_id, .first_lost = -1};
    struct segment damaged;
    int64_t records_from = 0;
    /* The packet ids of the header, if it is whole. */
    if (segment_open(folder, order->name, uuid, false, order->first_id, false, &damaged, unreleased, NULL) ==
        SEGMENT_OPEN) {
        records_from = damaged.header_length;
        close(damaged.fd);
    } else {
        log_warning(spool_header_damaged,
                    "the spool %s: the header of %s is damaged; a QoS 2 message may be doubled", folder->path,
                    order->name);
    }
    int fd = openat(folder->fd, order->name, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && file_length(fd, &v.length);
    if (ok) {
        record_reader_open(&v.from, fd, record_seed(uuid, order->first_id), 0);
        ok = replace(&v, folder, uuid, records_from, unreleased);
    }
    if (!ok)
        error_set(error, "cannot repair %s/%s: %s", folder->path, order->name, strerror(errno));
    file_close(fd);
    record_reader_free(&v.from);
    return ok;
}
