#include "position.h"

#include "file.h"
#include "little_endian.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static const char file_name[] = "position";
static const uint8_t magic[8] = "RSPOSIT\x1a";
static const uint32_t format_version = 1;

enum {
    AT_MAGIC = 0,
    AT_VERSION = 8,
    AT_FLAGS = 12,
    AT_SEQUENCE = 16,
    AT_UUID = 24,
    AT_ID = 40,
    AT_DELIVERED = 48,
    AT_DEAD = 56,
    AT_SYNCED_SEGMENT = 64,
    AT_SYNCED_END = 72,
    AT_BOOT_ID = 80,
    AT_CHECKSUM = 96,
    SLOT_LENGTH = 104,
    SLOT_DISTANCE = 4096, /* a block each, so that no write touches both */
    FLAG_CLEAN = 1,
};

static void encode(const struct position *position, uint8_t slot[static SLOT_LENGTH])
{
    memcpy(slot + AT_MAGIC, magic, sizeof magic);
    put_le32(slot + AT_VERSION, format_version);
    put_le32(slot + AT_FLAGS, position->clean ? FLAG_CLEAN : 0);
    put_le64(slot + AT_SEQUENCE, position->sequence);
    memcpy(slot + AT_UUID, position->uuid, sizeof(uuid_t));
    put_le64(slot + AT_ID, position->id);
    put_le64(slot + AT_DELIVERED, position->delivered);
    put_le64(slot + AT_DEAD, position->dead);
    put_le64(slot + AT_SYNCED_SEGMENT, position->synced_segment);
    put_le64(slot + AT_SYNCED_END, (uint64_t)position->synced_end);
    memcpy(slot + AT_BOOT_ID, position->boot_id, sizeof(uuid_t));
    put_le64(slot + AT_CHECKSUM, XXH3_64bits(slot, AT_CHECKSUM));
}

/* In every version a slot begins with magic and version, and has the checksum at this offset. */
static bool is_whole(const uint8_t slot[static SLOT_LENGTH])
{
    return memcmp(slot + AT_MAGIC, magic, sizeof magic) == 0 &&
           XXH3_64bits(slot, AT_CHECKSUM) == get_le64(slot + AT_CHECKSUM);
}

static bool decode(const uint8_t slot[static SLOT_LENGTH], struct position *position)
{
    if (!is_whole(slot) || get_le32(slot + AT_VERSION) != format_version)
        return false;
    *position = (struct position){
        .sequence = get_le64(slot + AT_SEQUENCE),
        .id = get_le64(slot + AT_ID),
        .delivered = get_le64(slot + AT_DELIVERED),
        .dead = get_le64(slot + AT_DEAD),
        .synced_segment = get_le64(slot + AT_SYNCED_SEGMENT),
        .synced_end = (int64_t)get_le64(slot + AT_SYNCED_END),
        .clean = (get_le32(slot + AT_FLAGS) & FLAG_CLEAN) != 0,
    };
    memcpy(position->uuid, slot + AT_UUID, sizeof(uuid_t));
    memcpy(position->boot_id, slot + AT_BOOT_ID, sizeof(uuid_t));
    return position->id > 0 && position->id <= INT64_MAX;
}

bool position_is_synced(const struct position *position, uint64_t segment, int64_t offset)
{
    return segment < position->synced_segment ||
           (segment == position->synced_segment && offset < position->synced_end);
}

enum position_status position_read(const struct folder *folder, struct position *position,
                                   struct error *error)
{
    uint8_t slots[SLOT_DISTANCE + SLOT_LENGTH] = {0};
    size_t length;
    bool found = false;
    uint32_t version = 0;
    int fd = openat(folder->fd, file_name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return POSITION_MISSING;
    if (fd < 0 || !file_read(fd, slots, sizeof slots, 0, &length)) {
        error_set(error, "cannot read %s/%s: %s", folder->path, file_name, strerror(errno));
        if (fd >= 0)
            close(fd);
        return POSITION_FAILED;
    }
    close(fd);
    for (int i = 0; i < 2; i++) {
        const uint8_t *slot = slots + i * SLOT_DISTANCE;
        struct position candidate;
        if (decode(slot, &candidate)) {
            if (!found || candidate.sequence > position->sequence)
                *position = candidate;
            found = true;
        } else if (is_whole(slot) && get_le32(slot + AT_VERSION) != format_version) {
            version = get_le32(slot + AT_VERSION);
        }
    }
    if (!found && version != 0) {
        error_set(error,
                  "%s/%s has format version %" PRIu32 ", this program reads and writes %" PRIu32
                  ": run the version that wrote it until the spool is empty, then remove the folder",
                  folder->path, file_name, version, format_version);
        return POSITION_REFUSED;
    }
    if (!found) {
        error_set(error, "neither copy of the position in %s/%s is whole", folder->path, file_name);
        return POSITION_BAD;
    }
    return POSITION_READ;
}

bool position_create(const struct folder *folder, const struct position *position, struct error *error)
{
    uint8_t slots[2 * SLOT_DISTANCE] = {0};
    struct iovec piece = {slots, sizeof slots};
    encode(position, slots + position->sequence % 2 * SLOT_DISTANCE);
    int fd = folder_create_temporary(folder, file_name);
    bool ok = fd >= 0 && file_write(fd, &piece, 1, 0) && file_sync(fd) &&
              folder_put_in_place(folder, file_name) && folder_sync(folder);
    if (!ok)
        error_set(error, "cannot create %s/%s: %s", folder->path, file_name, strerror(errno));
    file_close(fd);
    if (!ok)
        folder_drop_temporary(folder, file_name);
    return ok;
}

int position_open(const struct folder *folder, struct error *error)
{
    int fd = openat(folder->fd, file_name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        error_set(error, "cannot open %s/%s: %s", folder->path, file_name, strerror(errno));
    return fd;
}

bool position_write(int fd, struct position *position)
{
    uint8_t slot[SLOT_LENGTH];
    struct iovec piece = {slot, sizeof slot};
    struct position next = *position;
    next.sequence++;
    encode(&next, slot);
    if (!file_write(fd, &piece, 1, (int64_t)(next.sequence % 2 * SLOT_DISTANCE)))
        return false;
    position->sequence = next.sequence;
    return true;
}
