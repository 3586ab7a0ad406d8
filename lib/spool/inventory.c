#include "inventory.h"

#include "core/log.h"
#include "file.h"
#include "record_reader.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool take_file(struct inventory_file *file, const struct folder *folder, struct error *error)
{
    char name[SEGMENT_NAME_SIZE];
    struct segment segment;
    segment_name(file->name_id, name);
    switch (segment_open(folder, name, file->uuid, true, file->name_id, false, &segment, NULL, error)) {
    case SEGMENT_OPEN:
        close(segment.fd);
        file->header_whole = true;
        return true;
    case SEGMENT_MISNAMED:
        file->header_whole = true;
        file->first_id = segment.first_id;
        return true;
    case SEGMENT_BAD:
        return true;
    case SEGMENT_REFUSED:
    case SEGMENT_FAILED:
        break;
    }
    return false;
}

bool inventory_take(struct inventory *inventory, const struct folder *folder, struct error *error)
{
    uint64_t *ids;
    bool ok = true;
    *inventory = (struct inventory){0};
    if (!folder_list_segments(folder, &ids, &inventory->count, error))
        return false;
    inventory->files = calloc(inventory->count + 1, sizeof *inventory->files);
    if (!inventory->files)
        ok = error_set(error, "out of memory");
    for (size_t i = 0; ok && i < inventory->count; i++) {
        inventory->files[i].name_id = inventory->files[i].first_id = ids[i];
        ok = take_file(&inventory->files[i], folder, error);
    }
    free(ids);
    return ok;
}

void inventory_free(struct inventory *inventory)
{
    free(inventory->files);
    *inventory = (struct inventory){0};
}

bool inventory_find_uuid(const struct inventory *inventory, uuid_t uuid)
{
    size_t votes = 0;
    bool found = false;
    for (size_t i = 0; i < inventory->count; i++) {
        const struct inventory_file *file = &inventory->files[i];
        if (!file->header_whole)
            continue;
        found = true;
        if (votes == 0)
            uuid_copy(uuid, file->uuid);
        votes += uuid_compare(uuid, file->uuid) == 0 ? 1 : (size_t)-1;
    }
    return found;
}

/* Does any record in the file have a right checksum? */
static bool has_records(const struct folder *folder, const uuid_t uuid, uint64_t first_id, bool *has,
                        struct error *error)
{
    char name[SEGMENT_NAME_SIZE];
    struct record_reader reader = {.fd = -1};
    struct stat status;
    enum record_status found = RECORD_FAILED;
    segment_name(first_id, name);
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0) {
        record_reader_open(&reader, fd, record_seed(uuid, first_id), 0);
        found = record_reader_search(&reader, status.st_size, first_id, RECORD_LAST_ID);
    }
    if (found == RECORD_FAILED)
        error_set(error, "cannot read %s/%s: %s", folder->path, name, strerror(errno));
    record_reader_free(&reader);
    file_close(fd);
    *has = found == RECORD_WHOLE;
    return found != RECORD_FAILED;
}

/* Where the position and all segments disagree, a program cannot know which of them is wrong. */
static bool refuse_foreign(const struct inventory *inventory, const struct inventory_file *file,
                           const struct folder *folder, const struct position *position, struct error *error)
{
    char name[SEGMENT_NAME_SIZE], theirs[UUID_STR_LEN], ours[UUID_STR_LEN];
    bool any_ours = false;
    segment_name(file->name_id, name);
    uuid_unparse_lower(file->uuid, theirs);
    uuid_unparse_lower(position->uuid, ours);
    for (size_t i = 0; i < inventory->count; i++)
        any_ours = any_ours || (inventory->files[i].header_whole &&
                                uuid_compare(inventory->files[i].uuid, position->uuid) == 0);
    if (any_ours)
        return error_set(error, "%s/%s belongs to another spool (%s, this one is %s): move it away",
                         folder->path, name, theirs, ours);
    return error_set(
        error,
        "%s/position belongs to the spool %s, but %s beside it to another spool (%s): restore the one that belongs here, or move the other one away",
        folder->path, ours, name, theirs);
}

bool inventory_check(struct inventory *inventory, const struct folder *folder,
                     const struct position *position, bool rebooted, struct error *error)
{
    for (size_t i = 0; i < inventory->count; i++) {
        struct inventory_file *file = &inventory->files[i];
        bool has = true;
        if (file->header_whole && uuid_compare(file->uuid, position->uuid) != 0)
            return refuse_foreign(inventory, file, folder, position, error);
        if (!file->header_whole && !has_records(folder, position->uuid, file->name_id, &has, error))
            return false;
        if (file->first_id != file->name_id)
            file->state = FILE_MISNAMED;
        else if (has)
            file->state = FILE_IN_ORDER;
        else
            file->state = rebooted && !position_is_synced(position, file->name_id, 0) ? FILE_LOST
                                                                                      : FILE_WITHOUT_RECORDS;
    }
    return true;
}

size_t inventory_ids(const struct inventory *inventory, uint64_t *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < inventory->count; i++)
        if (inventory->files[i].state == FILE_IN_ORDER)
            ids[count++] = inventory->files[i].name_id;
    return count;
}

const struct inventory_file *inventory_problem(const struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++)
        if (inventory->files[i].state == FILE_MISNAMED || inventory->files[i].state == FILE_WITHOUT_RECORDS)
            return &inventory->files[i];
    return NULL;
}

static bool failed(const struct folder *folder, const char *what, const char *name, struct error *error)
{
    return error_set(error, "cannot %s %s/%s: %s", what, folder->path, name, strerror(errno));
}

static bool set_aside(const struct folder *folder, const char *name, const char *why, struct error *error)
{
    char kept[FOLDER_NAME_SIZE];
    if (!folder_keep(folder, name, kept) || unlinkat(folder->fd, name, 0) < 0)
        return failed(folder, "rename", name, error);
    log_warning(spool_repaired, "the spool %s is repaired: %s %s; it is kept as %s", folder->path, name, why,
                kept);
    return true;
}

/* `from` gets the name `to`, if that is free. */
static bool give_name(const struct folder *folder, const char *from, const char *to, bool *given,
                      struct error *error)
{
    *given = linkat(folder->fd, from, folder->fd, to, 0) == 0;
    if (!*given)
        return errno == EEXIST || failed(folder, "rename", from, error);
    if (unlinkat(folder->fd, from, 0) < 0)
        return failed(folder, "rename", from, error);
    log_warning(spool_repaired, "the spool %s is repaired: %s is renamed to %s, as its header says",
                folder->path, from, to);
    return true;
}

/* Two files may have each other's names: one is moved out of the way until its own name is free. */
static bool put_names_right(const struct inventory *inventory, const struct folder *folder,
                            struct error *error)
{
    char name[SEGMENT_NAME_SIZE], right[SEGMENT_NAME_SIZE];
    char(*waiting)[FOLDER_NAME_SIZE] = calloc(inventory->count + 1, sizeof *waiting);
    bool ok = waiting || error_set(error, "out of memory"), given;
    for (size_t i = 0; ok && i < inventory->count; i++) {
        const struct inventory_file *file = &inventory->files[i];
        if (file->state != FILE_MISNAMED)
            continue;
        segment_name(file->name_id, name);
        segment_name(file->first_id, right);
        ok = give_name(folder, name, right, &given, error);
        if (ok && !given)
            ok = (folder_keep(folder, name, waiting[i]) && unlinkat(folder->fd, name, 0) == 0) ||
                 failed(folder, "rename", name, error);
    }
    for (size_t i = 0; ok && i < inventory->count; i++) {
        if (*waiting[i] == '\0')
            continue;
        segment_name(inventory->files[i].first_id, right);
        ok = give_name(folder, waiting[i], right, &given, error);
        if (ok && !given)
            log_warning(spool_repaired, "the spool %s is repaired: there are two files %s; one is kept as %s",
                        folder->path, right, waiting[i]);
    }
    free(waiting);
    return ok;
}

static bool remove_lost(const struct folder *folder, const char *name, struct error *error)
{
    log_warning(
        spool_unsynced_lost,
        "the spool %s: the machine went down before %s was synced; nothing in it is whole, and it is removed",
        folder->path, name);
    return unlinkat(folder->fd, name, 0) == 0 || failed(folder, "remove", name, error);
}

bool inventory_put_in_order(const struct inventory *inventory, const struct folder *folder,
                            struct error *error)
{
    char name[SEGMENT_NAME_SIZE];
    bool ok = true;
    for (size_t i = 0; ok && i < inventory->count; i++) {
        segment_name(inventory->files[i].name_id, name);
        if (inventory->files[i].state == FILE_WITHOUT_RECORDS)
            ok = set_aside(folder, name, "has neither a whole header nor a whole record", error);
        else if (inventory->files[i].state == FILE_LOST)
            ok = remove_lost(folder, name, error);
    }
    return ok && put_names_right(inventory, folder, error);
}
