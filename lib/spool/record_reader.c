#include "record_reader.h"

#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const size_t usual_capacity = 256 * 1024;

void record_reader_open(struct record_reader *reader, int fd, uint64_t seed, int64_t offset)
{
    reader->fd = fd;
    reader->seed = seed;
    reader->offset = reader->start = offset;
    reader->length = 0;
}

void record_reader_free(struct record_reader *reader)
{
    free(reader->buffer);
    *reader = (struct record_reader){.fd = -1};
}

/* Grows the buffer for a long record and shrinks it again after. What it holds fits. */
static bool set_capacity(struct record_reader *reader, size_t wanted)
{
    if (wanted == reader->capacity)
        return true;
    uint8_t *buffer = realloc(reader->buffer, wanted);
    if (!buffer)
        return false;
    reader->buffer = buffer;
    reader->capacity = wanted;
    return true;
}

/* Fills the buffer with `count` bytes from the offset on, if the file has them. */
static enum record_status load(struct record_reader *reader, int64_t end, size_t count)
{
    int64_t skipped = reader->offset - reader->start;
    size_t kept = 0, got;
    if (skipped >= 0 && (uint64_t)skipped <= reader->length)
        kept = reader->length - (size_t)skipped;
    if (kept >= count)
        return RECORD_WHOLE;
    if (kept > 0)
        memmove(reader->buffer, reader->buffer + skipped, kept);
    reader->start = reader->offset;
    reader->length = kept;
    if (!set_capacity(reader, count > usual_capacity ? count : usual_capacity)) {
        errno = ENOMEM;
        return RECORD_FAILED;
    }
    uint64_t left = (uint64_t)(end - reader->start) - kept;
    size_t room = reader->capacity - kept;
    if (!file_read(reader->fd, reader->buffer + kept, left < room ? (size_t)left : room,
                   reader->start + (int64_t)kept, &got))
        return RECORD_FAILED;
    reader->length += got;
    return reader->length >= count ? RECORD_WHOLE : RECORD_BAD;
}

/* Like record_reader_next, for ids from `first` to `last` only, and without moving on. */
static enum record_status look(struct record_reader *reader, int64_t end, uint64_t first, uint64_t last,
                               struct spool_record *record, size_t *length)
{
    uint64_t left = (uint64_t)(end - reader->offset);
    if (reader->offset >= end)
        return RECORD_END;
    if (left < RECORD_HEADER_LENGTH)
        return RECORD_BAD;
    enum record_status status = load(reader, end, RECORD_HEADER_LENGTH);
    if (status != RECORD_WHOLE)
        return status;
    *length = record_decode_header(reader->buffer + (reader->offset - reader->start), record);
    if (*length == 0 || *length > left || record->id < first || record->id > last)
        return RECORD_BAD;
    status = load(reader, end, *length);
    if (status == RECORD_WHOLE && !record_decode(reader->buffer + (reader->offset - reader->start), *length,
                                                 reader->seed, reader->offset, record))
        status = RECORD_BAD;
    return status;
}

enum record_status record_reader_next(struct record_reader *reader, int64_t end, struct spool_record *record)
{
    size_t length;
    enum record_status status = look(reader, end, 1, RECORD_LAST_ID, record, &length);
    if (status == RECORD_WHOLE)
        reader->offset += (int64_t)length;
    return status;
}

bool record_reader_is_torn(struct record_reader *reader, int64_t end, bool *failed)
{
    struct spool_record record;
    uint64_t left = (uint64_t)(end - reader->offset);
    *failed = false;
    if (left < RECORD_HEADER_LENGTH)
        return true;
    enum record_status status = load(reader, end, RECORD_HEADER_LENGTH);
    *failed = status == RECORD_FAILED;
    return status == RECORD_WHOLE &&
           record_decode_header(reader->buffer + (reader->offset - reader->start), &record) > left;
}

enum record_status record_reader_search(struct record_reader *reader, int64_t end, uint64_t first,
                                        uint64_t last)
{
    struct spool_record record;
    size_t length;
    enum record_status status;
    while ((status = look(reader, end, first, last, &record, &length)) == RECORD_BAD)
        reader->offset++;
    return status;
}
