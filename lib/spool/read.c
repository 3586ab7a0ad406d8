#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void spool_publish(struct spool *s)
{
    atomic_store_explicit(&s->position, s->window.base, memory_order_release);
    atomic_store_explicit(&s->delivered, s->window.delivered, memory_order_release);
    atomic_store_explicit(&s->dead, s->window.dead, memory_order_release);
    atomic_store_explicit(&s->in_flight, s->window.in_flight, memory_order_release);
    atomic_store_explicit(&s->oldest_time, window_oldest_time(&s->window), memory_order_relaxed);
}

/* Opens the segment for reading from its beginning. */
static bool open_segment(struct spool *s, uint64_t first_id, struct error *error)
{
    char name[SEGMENT_NAME_SIZE];
    struct segment segment;
    struct error detail;
    if (s->read_segment != 0)
        close(s->reader.fd);
    s->read_segment = 0;
    segment_name(first_id, name);
    switch (segment_open(&s->folder, name, s->uuid, false, first_id, false, &segment, NULL, &detail)) {
    case SEGMENT_OPEN:
        record_reader_open(&s->reader, segment.fd, segment.seed, segment.header_length);
        s->read_segment = first_id;
        return true;
    case SEGMENT_BAD:
    case SEGMENT_MISNAMED:
        return spool_damaged(&s->folder, name, 0, detail.text, error);
    case SEGMENT_REFUSED:
    case SEGMENT_FAILED:
        break;
    }
    return error_set(error, "%s", detail.text);
}

/* Places the reader before a record. Called only when there is one to read. */
static bool place_reader(struct spool *s, struct error *error)
{
    char name[SEGMENT_NAME_SIZE], what[100];
    if (s->placed && s->reader.offset < s->read_end)
        return true;
    /* After a rewind the position may have moved on over what was delivered before, and the segments between
     * may be removed. */
    if (s->cursor < s->window.base)
        s->placed = false;
    uint64_t target = s->placed ? s->cursor : s->window.base;
    pthread_mutex_lock(&s->state_mutex);
    size_t index = segment_list_find(&s->segments, target);
    struct segment_entry segment = s->segments.entries[index < s->segments.count ? index : 0];
    if (index + 1 == s->segments.count)
        segment.end = atomic_load(&s->committed_end);
    pthread_mutex_unlock(&s->state_mutex);
    bool changes = segment.first_id != s->read_segment;
    if (changes && !open_segment(s, segment.first_id, error)) {
        s->placed = false;
        return false;
    }
    if (!s->placed) {
        if (s->mark.segment == segment.first_id) {
            s->reader.offset = s->mark.offset;
            s->cursor = s->mark.id;
        } else {
            if (!changes && !open_segment(s, segment.first_id, error))
                return false;
            s->cursor = segment.first_id;
        }
        s->next_mark = (struct record_place){s->cursor, segment.first_id, s->reader.offset};
        s->placed = true;
    }
    s->read_end = segment.end;
    if (s->reader.offset < s->read_end)
        return true;
    segment_name(segment.first_id, name);
    snprintf(what, sizeof what, "it ends before id %" PRIu64, s->cursor);
    return spool_damaged(&s->folder, name, s->read_end, what, error);
}

static bool read_failed(const struct spool *s, enum record_status status, struct error *error)
{
    char name[SEGMENT_NAME_SIZE], what[100];
    segment_name(s->read_segment, name);
    if (status == RECORD_FAILED)
        return error_set(error, "cannot read %s/%s: %s", s->folder.path, name, strerror(errno));
    snprintf(what, sizeof what, "the record there, with id %" PRIu64 ", is not whole", s->cursor);
    return spool_damaged(&s->folder, name, s->reader.offset, what, error);
}

enum step {
    STEP_MESSAGE, /* *record is in flight now */
    STEP_PASSED,  /* a record was skipped */
    STEP_NOTHING,
    STEP_WINDOW,
    STEP_FAILED,
};

/* A gap can only be skipped when everything before it is settled, since it may be longer than the window. */
static bool take_gap(struct spool *s, uint64_t last)
{
    if (last >= s->window.base) {
        if (s->window.base < s->cursor)
            return false;
        window_advance(&s->window, last + 1);
    }
    s->cursor = last + 1;
    return true;
}

/* Moves on by one record. */
static enum step step(struct spool *s, struct spool_record *record, struct error *error)
{
    if ((s->placed ? s->cursor : s->window.base) >= atomic_load(&s->next_id))
        return STEP_NOTHING;
    if (!place_reader(s, error))
        return STEP_FAILED;
    const struct record_place here = {s->cursor, s->read_segment, s->reader.offset};
    enum record_status status = record_reader_next(&s->reader, s->read_end, record);
    if (status == RECORD_WHOLE &&
        (record->kind == RECORD_GAP ? record->id < s->cursor : record->id != s->cursor))
        status = RECORD_BAD;
    if (status != RECORD_WHOLE) {
        s->reader.offset = here.offset;
        read_failed(s, status, error);
        return STEP_FAILED;
    }
    if (s->next_mark.id <= s->window.base) {
        s->mark = s->next_mark;
        s->next_mark = here;
    }
    if (record->kind == RECORD_GAP) {
        if (take_gap(s, record->id))
            return STEP_PASSED;
        s->reader.offset = here.offset;
        return STEP_WINDOW;
    }
    if (!window_is_settled(&s->window, record->id)) {
        if (!window_has_room(&s->window, record->id)) {
            s->reader.offset = here.offset;
            return STEP_WINDOW;
        }
        if (record->kind == SPOOL_MESSAGE) {
            window_read(&s->window, record->id, record->time);
            atomic_store_explicit(&s->waiting_time, record->time, memory_order_relaxed);
            s->cursor++;
            return STEP_MESSAGE;
        }
        window_pass(&s->window, record->id);
    }
    s->cursor++;
    return STEP_PASSED;
}

enum spool_read_result spool_read(struct spool *s, struct spool_record *record, struct error *error)
{
    enum step done;
    do
        done = step(s, record, error);
    while (done == STEP_PASSED);
    spool_publish(s);
    switch (done) {
    case STEP_MESSAGE:
        return SPOOL_READ_RECORD;
    case STEP_WINDOW:
        return SPOOL_READ_WINDOW;
    case STEP_FAILED:
        return SPOOL_READ_FAILED;
    case STEP_PASSED:
    case STEP_NOTHING:
        break;
    }
    return SPOOL_READ_NOTHING;
}

void spool_rewind(struct spool *s)
{
    int64_t oldest = window_oldest_time(&s->window);
    if (oldest != 0)
        atomic_store_explicit(&s->waiting_time, oldest, memory_order_relaxed);
    window_rewind(&s->window);
    s->placed = false;
    spool_publish(s);
}

void spool_delivered(struct spool *s, uint64_t id)
{
    window_settle(&s->window, id, WINDOW_DELIVERED);
    spool_publish(s);
}

void spool_dead(struct spool *s, uint64_t id)
{
    window_settle(&s->window, id, WINDOW_DEAD);
    spool_publish(s);
}

bool spool_advance(struct spool *s, uint64_t id)
{
    struct spool_record record;
    enum step done = STEP_PASSED;
    if (id < s->window.base || id > atomic_load(&s->next_id))
        return false;
    if (s->placed && s->cursor > s->window.base)
        window_advance(&s->window, id < s->cursor ? id : s->cursor);
    /* Reads what is not read yet, to know how many messages there are. */
    while (s->window.base < id && (done == STEP_MESSAGE || done == STEP_PASSED)) {
        done = step(s, &record, NULL);
        if (done == STEP_MESSAGE)
            window_advance(&s->window, record.id + 1);
    }
    spool_publish(s);
    return true;
}
