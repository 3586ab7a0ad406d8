#include "gzip_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

/* For inflateInit2: the largest window, with gzip's header and trailer only. */
enum { WINDOW_OF_GZIP = 15 + 16 };

struct gzip_reader {
    gzip_reader_source *source;
    void *context;
    z_stream stream;
    enum { IN_MEMBER, BETWEEN_MEMBERS, IN_PADDING, DAMAGED } state;
    bool full;                 /* the last buffer was: there may be more to give out without reading on */
    uint64_t packed, unpacked; /* bytes that the source gave, and that were made of them */
};

bool gzip_reader_knows(const void *data, size_t length)
{
    return length >= GZIP_MAGIC_LENGTH && memcmp(data, "\x1f\x8b", GZIP_MAGIC_LENGTH) == 0;
}

struct gzip_reader *gzip_reader_new(gzip_reader_source *source, void *context, struct error *error)
{
    struct gzip_reader *reader = calloc(1, sizeof *reader);
    if (!reader || inflateInit2(&reader->stream, WINDOW_OF_GZIP) != Z_OK) {
        error_set(error, "out of memory");
        free(reader);
        return NULL;
    }
    reader->source = source;
    reader->context = context;
    return reader;
}

void gzip_reader_free(struct gzip_reader *reader)
{
    if (!reader)
        return;
    inflateEnd(&reader->stream);
    free(reader);
}

void gzip_reader_rewind(struct gzip_reader *reader)
{
    inflateReset(&reader->stream);
    reader->stream.avail_in = 0;
    reader->state = IN_MEMBER;
    reader->full = false;
    reader->packed = reader->unpacked = 0;
}

uint64_t gzip_reader_packed(const struct gzip_reader *reader, uint64_t unpacked)
{
    uint64_t used = reader->packed - reader->stream.avail_in;
    if (reader->unpacked == 0)
        return 0;
    return (uint64_t)((double)used * (double)unpacked / (double)reader->unpacked);
}

/* Sees to it that there are packed bytes: 1, or 0 at the end, or -1. */
static int fill(struct gzip_reader *reader, struct error *error)
{
    const void *data;
    if (reader->stream.avail_in > 0)
        return 1;
    ssize_t count = reader->source(reader->context, &data, error);
    if (count <= 0)
        return (int)count;
    reader->stream.next_in = data;
    reader->stream.avail_in = (uInt)count;
    reader->packed += (uint64_t)count;
    return 1;
}

static bool damaged(const struct gzip_reader *reader, const char *what, struct error *error)
{
    return error_set(error, "damaged at byte %" PRIu64 " of the gzip file: %s",
                     reader->packed - reader->stream.avail_in + 1, what);
}

/* After the end of a member: another one, or zeros up to the end, as on tapes. */
static bool pass_on(struct gzip_reader *reader, struct error *error)
{
    z_stream *stream = &reader->stream;
    if (reader->state == BETWEEN_MEMBERS && *stream->next_in != 0) {
        inflateReset(stream);
        reader->state = IN_MEMBER;
        return true;
    }
    reader->state = IN_PADDING;
    for (; stream->avail_in > 0 && *stream->next_in == 0; stream->avail_in--)
        stream->next_in++;
    return stream->avail_in == 0 || damaged(reader, "something else follows its end", error);
}

/* Unpacks what there is; 0 when there is more to be read first, or the member has ended. */
static ssize_t unpack(struct gzip_reader *reader, void *buffer, size_t size, struct error *error)
{
    z_stream *stream = &reader->stream;
    stream->next_out = buffer;
    stream->avail_out = (uInt)size;
    int result = inflate(stream, Z_NO_FLUSH);
    size_t count = size - stream->avail_out;
    reader->unpacked += count;
    reader->full = stream->avail_out == 0 && result != Z_STREAM_END;
    if (result == Z_STREAM_END)
        reader->state = BETWEEN_MEMBERS;
    else if (result != Z_OK && result != Z_BUF_ERROR)
        reader->state = DAMAGED;
    if (reader->state != DAMAGED || count > 0)
        return (ssize_t)count;
    damaged(reader, stream->msg ? stream->msg : "zlib cannot unpack it", error);
    return -1;
}

ssize_t gzip_reader_read(struct gzip_reader *reader, void *buffer, size_t size, struct error *error)
{
    ssize_t count = 0;
    while (count == 0) {
        int filled = reader->state == DAMAGED || reader->full ? 1 : fill(reader, error);
        if (filled == 0 && reader->state == IN_MEMBER) {
            damaged(reader, "it ends in the middle", error);
            return -1;
        }
        if (filled <= 0)
            return filled;
        if (reader->state == BETWEEN_MEMBERS || reader->state == IN_PADDING)
            count = pass_on(reader, error) ? 0 : -1;
        else
            count = unpack(reader, buffer, size, error);
    }
    return count;
}
