#include "salvage.h"

#include "file.h"
#include "log.h"
#include "record_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Two lines of work: the damaged file is read, the new one written. */
struct salvage {
    struct record_reader from;
    int64_t length; /* of the damaged file */
    struct segment to;
    uint64_t next_id; /* in the new one */
    uint64_t followed_by;
    uint64_t kept, lost;
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

/* Makes `id` the next one. */
static bool skip_to(struct salvage *v, uint64_t id)
{
    const struct spool_record gap = {.kind = RECORD_GAP};
    if (id == v->next_id)
        return true;
    v->lost += id - v->next_id;
    return append(v, &gap, id - 1);
}

static bool copy_records(struct salvage *v)
{
    struct spool_record record;
    enum record_status status;
    uint64_t last = v->followed_by ? v->followed_by - 1 : RECORD_LAST_ID;
    while ((status = record_reader_search(&v->from, v->length, v->next_id, last)) == RECORD_WHOLE) {
        status = record_reader_next(&v->from, v->length, &record);
        if (status != RECORD_WHOLE)
            break;
        /* A gap stands for all the ids from the record before it on: nothing more is lost. */
        if (!(record.kind == RECORD_GAP || skip_to(v, record.id)) || !append(v, &record, record.id))
            return false;
        v->kept += record.kind != RECORD_GAP;
    }
    return status == RECORD_END && (!v->followed_by || skip_to(v, v->followed_by));
}

/* Gives the damaged file a second name that is free. */
static bool keep_damaged(const struct folder *folder, const char *name, char kept[static FOLDER_NAME_SIZE])
{
    snprintf(kept, FOLDER_NAME_SIZE, "%.40s.corrupt", name);
    for (int i = 2; linkat(folder->fd, name, folder->fd, kept, 0) < 0; i++) {
        if (errno != EEXIST || i > 1000)
            return false;
        snprintf(kept, FOLDER_NAME_SIZE, "%.40s.corrupt.%d", name, i);
    }
    return true;
}

static bool replace(struct salvage *v, const struct folder *folder, const char *name, const uuid_t uuid,
                    uint64_t first_id, const struct unreleased *unreleased)
{
    char kept[FOLDER_NAME_SIZE];
    if (!segment_create(folder, name, uuid, first_id, unreleased, &v->to))
        return false;
    bool ok = copy_records(v) && file_sync(v->to.fd) && keep_damaged(folder, name, kept) &&
              folder_put_in_place(folder, name) && folder_sync(folder);
    int saved = errno;
    close(v->to.fd);
    if (ok)
        log_warning(spool_repaired,
                    "the spool %s is repaired: %" PRIu64 " records of %s are kept, %" PRIu64
                    " ids are lost; the damaged file is %s/%s",
                    folder->path, v->kept, name, v->lost, folder->path, kept);
    else
        folder_drop_temporary(folder, name);
    errno = saved;
    return ok;
}

bool salvage_segment(const struct folder *folder, const char *name, uuid_t uuid, uint64_t first_id,
                     uint64_t followed_by, struct unreleased *unreleased, struct error *error)
{
    struct salvage v = {.next_id = first_id, .followed_by = followed_by};
    struct segment damaged;
    /* The packet ids of the header, if it is whole. */
    if (segment_open(folder, name, uuid, false, first_id, false, &damaged, unreleased, NULL) == SEGMENT_OPEN)
        close(damaged.fd);
    else
        log_warning(spool_header_damaged,
                    "the spool %s: the header of %s is damaged; a QoS 2 message may be doubled", folder->path,
                    name);
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && file_length(fd, &v.length);
    if (ok) {
        record_reader_open(&v.from, fd, record_seed(uuid, first_id), 0);
        ok = replace(&v, folder, name, uuid, first_id, unreleased);
    }
    if (!ok)
        error_set(error, "cannot repair %s/%s: %s", folder->path, name, strerror(errno));
    if (fd >= 0)
        close(fd);
    record_reader_free(&v.from);
    return ok;
}
