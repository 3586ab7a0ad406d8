#include "core/failpoint.h"
#include "file.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static void log_save_failure(struct spool *s, const char *what)
{
    log_limited(&s->save_failures, LOG_LEVEL_WARNING, spool_save_failed, LOG_NO_FIELDS,
                "cannot %s in the spool %s: %s; trying again", what, s->folder.path, strerror(errno));
}

static bool write_position(struct spool *s)
{
    pthread_mutex_lock(&s->state_mutex);
    struct position next = s->saved;
    next.id = s->window.base;
    next.delivered = s->window.delivered_below;
    next.dead = s->window.dead_below;
    bool ok = position_write(s->position_fd, &next);
    if (ok) {
        s->saved = next;
        spool_publish_saved(s);
    }
    pthread_mutex_unlock(&s->state_mutex);
    if (ok)
        s->saved_id = next.id;
    return ok;
}

/* The oldest segment, if it is wholly below the saved position and not the one that is appended to. */
static bool find_done_segment(struct spool *s, struct segment_entry *segment)
{
    pthread_mutex_lock(&s->state_mutex);
    bool found = s->segments.count > 1 && s->segments.entries[1].first_id <= s->saved.id;
    if (found)
        *segment = s->segments.entries[0];
    pthread_mutex_unlock(&s->state_mutex);
    return found;
}

static void trim(struct spool *s)
{
    struct segment_entry segment;
    char name[SEGMENT_NAME_SIZE];
    bool removed = false;
    /* After a power loss an older position must not point to removed segments. */
    if (find_done_segment(s, &segment) && !file_sync(s->position_fd)) {
        log_save_failure(s, "sync the position");
        return;
    }
    while (find_done_segment(s, &segment)) {
        FAILPOINT("trim");
        segment_name(segment.first_id, name);
        if (unlinkat(s->folder.fd, name, 0) < 0 && errno != ENOENT) {
            log_save_failure(s, "remove a delivered file");
            break;
        }
        pthread_mutex_lock(&s->state_mutex);
        segment_list_remove_first(&s->segments);
        pthread_mutex_unlock(&s->state_mutex);
        atomic_fetch_sub(&s->bytes, segment.end);
        removed = true;
    }
    if (removed && s->settings.sync != SPOOL_SYNC_NONE && !folder_sync(&s->folder))
        log_save_failure(s, "sync the folder");
}

/* A segment that one long record has made longer than the limit would keep its space until the next message,
 * and could keep the spool full. True when it is replaced. */
static bool replace_long_segment(struct spool *s)
{
    bool replaced = false;
    if (s->window.base != atomic_load(&s->next_id) ||
        atomic_load(&s->committed_end) <= s->settings.segment_bytes)
        return false;
    pthread_mutex_lock(&s->append_mutex);
    if (s->window.base == atomic_load(&s->next_id) &&
        s->active.end - s->active.header_length > s->settings.segment_bytes) {
        replaced = spool_rotate(s);
        if (!replaced)
            log_save_failure(s, "begin a new file");
    }
    pthread_mutex_unlock(&s->append_mutex);
    return replaced;
}

static void save(struct spool *s)
{
    bool moved = s->saved_id != s->window.base;
    if (moved && !write_position(s)) {
        log_save_failure(s, "write the position");
        return;
    }
    if (replace_long_segment(s) || moved)
        trim(s);
    if (moved && s->settings.sync != SPOOL_SYNC_NONE)
        background_request(&s->background);
}

void spool_save(struct spool *s)
{
    save(s);
    signals_size(&s->signals, atomic_load(&s->bytes));
}

void spool_publish_saved(struct spool *s)
{
    atomic_store_explicit(&s->saved_delivered, s->saved.delivered, memory_order_release);
    atomic_store_explicit(&s->saved_dead, s->saved.dead, memory_order_release);
}

void spool_get_ledger(const struct spool *s, struct spool_ledger *ledger)
{
    /* A message is counted as received before it can be read, let alone delivered: the difference is never
     * negative. */
    ledger->delivered = atomic_load(&s->saved_delivered);
    ledger->dead = atomic_load(&s->saved_dead);
    ledger->received = atomic_load(&s->received);
    ledger->spooled = ledger->received - ledger->delivered - ledger->dead;
}

void spool_save_clean(struct spool *s)
{
    pthread_mutex_lock(&s->state_mutex);
    struct position next = s->saved;
    next.clean = true;
    if (!position_write(s->position_fd, &next) || !file_sync(s->position_fd))
        log_save_failure(s, "write the position");
    pthread_mutex_unlock(&s->state_mutex);
}

/* What a sync must cover. */
struct target {
    uint64_t segment;
    int64_t end;
    uint64_t next_id;
};

static bool sync_segment(struct spool *s, uint64_t first_id)
{
    char name[SEGMENT_NAME_SIZE];
    segment_name(first_id, name);
    int fd = openat(s->folder.fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT; /* delivered and removed */
    bool ok = file_sync(fd);
    file_close(fd);
    return ok;
}

/* Syncs every segment that may hold something that is not durable yet. */
static bool sync_segments(struct spool *s, const struct target *target)
{
    uint64_t segment, next;
    pthread_mutex_lock(&s->state_mutex);
    next = s->saved.synced_segment;
    pthread_mutex_unlock(&s->state_mutex);
    do {
        pthread_mutex_lock(&s->state_mutex);
        size_t index = segment_list_find(&s->segments, next);
        if (index == s->segments.count)
            index = 0;
        segment = s->segments.entries[index].first_id;
        next = index + 1 < s->segments.count ? s->segments.entries[index + 1].first_id : UINT64_MAX;
        pthread_mutex_unlock(&s->state_mutex);
        if (!sync_segment(s, segment))
            return false;
    } while (segment < target->segment && next != UINT64_MAX);
    return true;
}

bool spool_sync_folder(struct spool *s)
{
    pthread_mutex_lock(&s->state_mutex);
    bool changed = s->folder_changed;
    s->folder_changed = false;
    pthread_mutex_unlock(&s->state_mutex);
    if (!changed || folder_sync(&s->folder))
        return true;
    pthread_mutex_lock(&s->state_mutex);
    s->folder_changed = true;
    pthread_mutex_unlock(&s->state_mutex);
    return false;
}

static bool save_synced(struct spool *s, const struct target *target)
{
    pthread_mutex_lock(&s->state_mutex);
    struct position next = s->saved;
    next.synced_segment = target->segment;
    next.synced_end = target->end;
    bool ok = position_write(s->position_fd, &next);
    if (ok)
        s->saved = next;
    pthread_mutex_unlock(&s->state_mutex);
    return ok && file_sync(s->position_fd);
}

static bool sync_locked(struct spool *s, struct error *error)
{
    pthread_mutex_lock(&s->append_mutex);
    const struct target target = {s->active.first_id, s->active.end, atomic_load(&s->next_id)};
    pthread_mutex_unlock(&s->append_mutex);
    if (!sync_segments(s, &target) || !spool_sync_folder(s)) {
        s->unsure_below = target.next_id;
        return error_set(error, "cannot sync the spool %s: %s; a power loss could lose what it holds",
                         s->folder.path, strerror(errno));
    }
    /* After a failure the kernel treats what it could not write as written, so the next success proves
     * nothing for that part. */
    if (atomic_load(&s->position) < s->unsure_below)
        return error_set(
            error,
            "the spool %s could not be synced before: a power loss could lose what it holds below id %" PRIu64
            " until that is delivered",
            s->folder.path, s->unsure_below);
    if (!save_synced(s, &target))
        return error_set(error, "cannot sync the position in the spool %s: %s", s->folder.path,
                         strerror(errno));
    return true;
}

bool spool_sync(struct spool *s, struct error *error)
{
    pthread_mutex_lock(&s->sync_mutex);
    bool ok = sync_locked(s, error);
    pthread_mutex_unlock(&s->sync_mutex);
    return ok;
}

void spool_sync_task(void *context)
{
    struct spool *s = context;
    struct error error;
    if (spool_sync(s, &error))
        return;
    log_limited(&s->sync_failures, LOG_LEVEL_ERROR, spool_sync_failed, LOG_NO_FIELDS, "%s", error.text);
    background_request(&s->background);
}
