#include "segment.h"

#include "file.h"
#include "little_endian.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static const uint8_t magic[8] = "RSSPOOL\x1a";
static const uint32_t format_version = 1;

enum {
    AT_MAGIC = 0,
    AT_VERSION = 8,
    AT_LENGTH = 12,
    AT_UUID = 16,
    AT_FIRST_ID = 32,
    AT_COUNT = 40,
    AT_PACKET_IDS = 44, /* the checksum follows them */
    CHECKSUM_LENGTH = 8,
};

static size_t header_length(size_t packet_ids)
{
    return AT_PACKET_IDS + 2 * packet_ids + CHECKSUM_LENGTH;
}

static void encode_header(uint8_t *header, size_t length, const uuid_t uuid, uint64_t first_id,
                          const struct unreleased *unreleased)
{
    uint8_t *at = header + AT_PACKET_IDS;
    memcpy(header + AT_MAGIC, magic, sizeof magic);
    put_le32(header + AT_VERSION, format_version);
    put_le32(header + AT_LENGTH, (uint32_t)length);
    memcpy(header + AT_UUID, uuid, sizeof(uuid_t));
    put_le64(header + AT_FIRST_ID, first_id);
    put_le32(header + AT_COUNT, (uint32_t)unreleased->count);
    for (uint16_t id = unreleased->next[0]; id != 0; id = unreleased->next[id], at += 2)
        put_le16(at, id);
    put_le64(at, XXH3_64bits(header, length - CHECKSUM_LENGTH));
}

bool segment_create(const struct folder *folder, const char *name, const uuid_t uuid, uint64_t first_id,
                    const struct unreleased *unreleased, struct segment *segment)
{
    size_t length = header_length(unreleased->count);
    uint8_t *header = malloc(length);
    if (!header)
        return false;
    encode_header(header, length, uuid, first_id, unreleased);
    struct iovec piece = {header, length};
    *segment = (struct segment){
        .fd = folder_create_temporary(folder, name),
        .first_id = first_id,
        .seed = record_seed(uuid, first_id),
        .header_length = (int64_t)length,
        .end = (int64_t)length,
    };
    bool ok = segment->fd >= 0 && file_write(segment->fd, &piece, 1, 0);
    free(header);
    if (!ok && segment->fd >= 0)
        segment_drop(segment, folder, name);
    return ok;
}

/* Another version's header may be longer or shorter than ours. */
static size_t stated_length(const uint8_t fixed[static AT_PACKET_IDS])
{
    uint32_t stated = get_le32(fixed + AT_LENGTH);
    bool other = get_le32(fixed + AT_VERSION) != format_version;
    return other && stated >= header_length(0) && stated <= header_length(UINT16_MAX)
               ? stated
               : header_length(get_le32(fixed + AT_COUNT) & UINT16_MAX);
}

/* Reads the whole header; *bytes is then the caller's to free. Leaves *bytes NULL when the file is too short
 * for one. */
static bool read_header(int fd, uint8_t **bytes, size_t *length)
{
    uint8_t fixed[AT_PACKET_IDS];
    size_t got;
    *bytes = NULL;
    if (!file_read(fd, fixed, sizeof fixed, 0, &got))
        return false;
    if (got < sizeof fixed)
        return true;
    *length = stated_length(fixed);
    uint8_t *header = malloc(*length);
    if (!header)
        return false;
    if (!file_read(fd, header, *length, 0, &got)) {
        free(header);
        return false;
    }
    if (got == *length)
        *bytes = header;
    else
        free(header);
    return true;
}

/* In every version a header begins with magic, version and length, and ends with a checksum. Anything else is
 * damaged, whatever version it claims to have. */
static bool is_whole(const uint8_t *header, size_t length)
{
    return memcmp(header + AT_MAGIC, magic, sizeof magic) == 0 && get_le32(header + AT_LENGTH) == length &&
           XXH3_64bits(header, length - CHECKSUM_LENGTH) == get_le64(header + length - CHECKSUM_LENGTH);
}

static enum segment_status check_header(const struct folder *folder, const char *name, const uint8_t *header,
                                        size_t length, const uuid_t uuid, bool any_spool, uint64_t *first_id,
                                        struct error *error)
{
    uint32_t version = get_le32(header + AT_VERSION);
    if (!is_whole(header, length)) {
        error_set(error, "its header is damaged");
        return SEGMENT_BAD;
    }
    if (version != format_version) {
        error_set(error,
                  "%s/%s has format version %" PRIu32 ", this program reads and writes %" PRIu32
                  ": run the version that wrote it until the spool is empty, then remove the folder",
                  folder->path, name, version, format_version);
        return SEGMENT_REFUSED;
    }
    if (!any_spool && memcmp(header + AT_UUID, uuid, sizeof(uuid_t)) != 0) {
        char theirs[37], ours[37];
        uuid_unparse_lower(header + AT_UUID, theirs);
        uuid_unparse_lower(uuid, ours);
        error_set(error, "%s/%s belongs to another spool (%s, this one is %s): move it away", folder->path,
                  name, theirs, ours);
        return SEGMENT_REFUSED;
    }
    if (get_le64(header + AT_FIRST_ID) != *first_id) {
        *first_id = get_le64(header + AT_FIRST_ID);
        error_set(error, "its header says that it begins with id %" PRIu64, *first_id);
        return SEGMENT_MISNAMED;
    }
    return SEGMENT_OPEN;
}

enum segment_status segment_open(const struct folder *folder, const char *name, uuid_t uuid, bool any_spool,
                                 uint64_t first_id, bool writable, struct segment *segment,
                                 struct unreleased *unreleased, struct error *error)
{
    uint8_t *header = NULL;
    size_t length;
    enum segment_status status = SEGMENT_FAILED;
    *segment = (struct segment){.first_id = first_id};
    segment->fd = openat(folder->fd, name, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (segment->fd < 0 || !read_header(segment->fd, &header, &length) ||
        !file_length(segment->fd, &segment->end)) {
        error_set(error, "cannot read %s/%s: %s", folder->path, name, strerror(errno));
    } else if (!header) {
        error_set(error, "it is too short for its header");
        status = SEGMENT_BAD;
    } else {
        status = check_header(folder, name, header, length, uuid, any_spool, &segment->first_id, error);
    }
    if (any_spool && (status == SEGMENT_OPEN || status == SEGMENT_MISNAMED))
        memcpy(uuid, header + AT_UUID, sizeof(uuid_t));
    if (status == SEGMENT_OPEN) {
        segment->header_length = (int64_t)length;
        segment->seed = record_seed(uuid, first_id);
        if (unreleased) {
            unreleased_clear(unreleased);
            for (const uint8_t *at = header + AT_PACKET_IDS; at < header + length - CHECKSUM_LENGTH; at += 2)
                if (get_le16(at) != 0)
                    unreleased_add(unreleased, get_le16(at), 0);
        }
    } else {
        file_close(segment->fd);
        segment->fd = -1;
    }
    free(header);
    return status;
}

bool segment_cut(struct segment *segment)
{
    segment->cut_due = !file_truncate(segment->fd, segment->end);
    return !segment->cut_due;
}

bool segment_undo(struct segment *segment)
{
    int saved = errno;
    segment_cut(segment);
    errno = saved;
    return false;
}

void segment_drop(const struct segment *segment, const struct folder *folder, const char *name)
{
    int saved = errno;
    folder_drop_temporary(folder, name);
    close(segment->fd);
    errno = saved;
}

bool segment_append(struct segment *segment, const struct spool_record *record, uint64_t id, int64_t *length)
{
    uint8_t header[RECORD_HEADER_LENGTH];
    struct iovec pieces[RECORD_PIECES];
    if (segment->cut_due && !segment_cut(segment))
        return false;
    record_encode(record, id, segment->seed, segment->end, header, pieces);
    if (!file_write(segment->fd, pieces, RECORD_PIECES, segment->end))
        return segment_undo(segment);
    *length = (int64_t)record_length(record);
    return true;
}
