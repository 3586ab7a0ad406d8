#include "core/failpoint.h"
#include "file.h"
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void spool_apply_packet_id(struct unreleased *unreleased, const struct spool_record *record)
{
    if (record->kind == SPOOL_MESSAGE && record->packet_id != 0)
        unreleased_add(unreleased, record->packet_id, record_content(record));
    else if (record->kind == SPOOL_RELEASE)
        unreleased_remove(unreleased, record->packet_id);
    else if (record->kind == SPOOL_FORGET)
        unreleased_clear(unreleased);
}

bool spool_rotate(struct spool *s)
{
    char name[SEGMENT_NAME_SIZE];
    struct segment next;
    uint64_t first_id = atomic_load(&s->next_id);
    /* What a failed write left would be corruption in a segment that is not the last. */
    if (s->active.cut_due && !segment_cut(&s->active))
        return false;
    pthread_mutex_lock(&s->state_mutex);
    bool room = segment_list_reserve(&s->segments);
    pthread_mutex_unlock(&s->state_mutex);
    if (!room) {
        errno = ENOMEM;
        return false;
    }
    segment_name(first_id, name);
    if (!segment_create(&s->folder, name, s->uuid, first_id, &s->unreleased, &next))
        return false;
    if (!folder_put_in_place(&s->folder, name)) {
        segment_drop(&next, &s->folder, name);
        return false;
    }
    FAILPOINT("rotate");
    pthread_mutex_lock(&s->state_mutex);
    s->segments.entries[s->segments.count - 1].end = s->active.end;
    segment_list_add(&s->segments, first_id, 0);
    atomic_store(&s->committed_end, next.end);
    s->folder_changed = true;
    pthread_mutex_unlock(&s->state_mutex);
    atomic_fetch_add(&s->bytes, next.end);
    close(s->active.fd);
    s->active = next;
    return true;
}

static uint64_t spooled(const struct spool *s)
{
    return atomic_load(&s->received) - atomic_load(&s->delivered) - atomic_load(&s->dead);
}

/* Releases are accepted beyond the limit: they are short, at most one for each message, and an unreleased id
 * would block the sender. */
static bool is_full(const struct spool *s, const struct spool_record *record)
{
    return s->settings.max_bytes > 0 && record->kind == SPOOL_MESSAGE &&
           atomic_load(&s->bytes) + (int64_t)record_length(record) > s->settings.max_bytes && spooled(s) > 0;
}

static bool has_records(const struct segment *segment)
{
    return segment->end > segment->header_length;
}

/* Writes the record, first into a new segment if this one is long enough. */
static bool store(struct spool *s, const struct spool_record *record, uint64_t id, int64_t *length)
{
    int64_t after = s->active.end - s->active.header_length + (int64_t)record_length(record);
    if (after > s->settings.segment_bytes && has_records(&s->active) && !spool_rotate(s))
        return false;
    if (segment_append(&s->active, record, id, length))
        return true;
    /* A file may not grow as long as segment_bytes allows: then segments are shorter. */
    return errno == EFBIG && has_records(&s->active) && spool_rotate(s) &&
           segment_append(&s->active, record, id, length);
}

/* Makes what was written after the active segment's end durable, or cuts it off again. */
static bool make_durable(struct spool *s)
{
    return (file_sync(s->active.fd) && spool_sync_folder(s)) || segment_undo(&s->active);
}

/* The record is in the file: now it counts. */
static void commit(struct spool *s, const struct spool_record *record, uint64_t id, int64_t length)
{
    s->active.end += length;
    spool_apply_packet_id(&s->unreleased, record);
    atomic_store_explicit(&s->unreleased_count, s->unreleased.count, memory_order_relaxed);
    atomic_store_explicit(&s->committed_end, s->active.end, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->bytes, length, memory_order_relaxed);
    if (record->kind == SPOOL_MESSAGE) {
        if (spooled(s) == atomic_load(&s->in_flight))
            atomic_store_explicit(&s->waiting_time, record->time, memory_order_relaxed);
        atomic_fetch_add_explicit(&s->received, 1, memory_order_relaxed);
    }
    atomic_store(&s->next_id, id + 1);
    if (s->settings.sync != SPOOL_SYNC_NONE)
        background_request(&s->background);
}

enum spool_append_result spool_append(struct spool *s, const struct spool_record *record, uint64_t *id,
                                      struct error *error)
{
    enum spool_append_result result = SPOOL_FAILED;
    int64_t length;
    if (!record_check(record, error))
        return SPOOL_FAILED;
    pthread_mutex_lock(&s->append_mutex);
    uint64_t next = atomic_load_explicit(&s->next_id, memory_order_relaxed);
    if (is_full(s, record)) {
        result = SPOOL_FULL;
    } else if (store(s, record, next, &length) &&
               (s->settings.sync != SPOOL_SYNC_ALWAYS || make_durable(s))) {
        commit(s, record, next, length);
        if (id)
            *id = next;
        result = SPOOL_APPENDED;
    } else {
        error_set(error, "cannot write %zu bytes to the spool %s: %s", record_length(record), s->folder.path,
                  strerror(errno));
    }
    pthread_mutex_unlock(&s->append_mutex);
    signals_appended(&s->signals);
    return result;
}

bool spool_holds(struct spool *s, uint16_t packet_id)
{
    pthread_mutex_lock(&s->append_mutex);
    bool holds = unreleased_holds(&s->unreleased, packet_id);
    pthread_mutex_unlock(&s->append_mutex);
    return holds;
}

bool spool_holds_message(struct spool *s, const struct spool_record *record)
{
    uint32_t content = record_content(record);
    pthread_mutex_lock(&s->append_mutex);
    uint32_t held = s->unreleased.content[record->packet_id];
    bool holds = unreleased_holds(&s->unreleased, record->packet_id) && (held == 0 || held == content);
    pthread_mutex_unlock(&s->append_mutex);
    return holds;
}

size_t spool_unreleased(struct spool *s, uint16_t ids[static 65535])
{
    pthread_mutex_lock(&s->append_mutex);
    size_t count = unreleased_list(&s->unreleased, ids);
    pthread_mutex_unlock(&s->append_mutex);
    return count;
}

size_t spool_unreleased_count(const struct spool *s)
{
    return atomic_load(&s->unreleased_count);
}

uint64_t spool_next_id(const struct spool *s)
{
    return atomic_load(&s->next_id);
}

void spool_wait(struct spool *s, uint64_t seen, int64_t longest)
{
    signals_wait(&s->signals, &s->next_id, seen, longest);
}

void spool_wake(struct spool *s)
{
    signals_wake(&s->signals);
}

void spool_notify_below(struct spool *s, int64_t bytes, int event)
{
    signals_ask_below(&s->signals, bytes, event);
}
