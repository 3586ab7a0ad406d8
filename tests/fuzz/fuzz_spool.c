/* Recovery of arbitrary files: it never crashes, never returns a record whose checksum is wrong, changes
 * nothing when it refuses, and what it has accepted once it accepts again. */
#include "fuzz_spool.h"

#include "core/boot_id.h"
#include "core/log.h"
#include "spool/little_endian.h"
#include "spool/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];
static bool rebooted;

/* Instead of the library's. */
void boot_id_read(uuid_t id)
{
    memset(id, rebooted ? 2 : 1, sizeof(uuid_t));
}

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void empty_folder(void)
{
    char path[512];
    struct dirent *entry;
    DIR *directory = opendir(folder);
    must(directory != NULL, "opendir");
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            unlink(path);
        }
    closedir(directory);
}

static void remove_folder(void)
{
    empty_folder();
    rmdir(folder);
}

static void make_folder(void)
{
    const struct log_settings silent = {.level = -1};
    snprintf(folder, sizeof folder, "%s/roomstream-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(folder) != NULL, "mkdtemp");
    atexit(remove_folder);
    log_init("fuzz", &silent);
}

static void write_file(const char *name, const uint8_t *bytes, size_t length)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "write");
    close(fd);
}

/* ---- the files, by docs/spool-format.md and without the spool's own code ---- */

struct file {
    uint8_t bytes[65536];
    size_t length;
    uint64_t first_id;
};

static const uint8_t *uuid; /* of the spool */

static size_t header_length(const struct file *file)
{
    size_t length = 52 + 2 * (size_t)get_le16(file->bytes + 40);
    return file->length >= 52 && length <= file->length ? length : 0;
}

static uint64_t record_checksum(const struct file *file, size_t offset, size_t length)
{
    uint8_t name[24];
    memcpy(name, uuid, 16);
    put_le64(name + 16, file->first_id);
    return XXH3_64bits_withSeed(file->bytes + offset + 8, length - 8,
                                XXH3_64bits(name, sizeof name) + offset);
}

static size_t record_length_at(const struct file *file, size_t offset)
{
    if (file->length - offset < 44)
        return 0;
    size_t length = get_le32(file->bytes + offset + 8);
    return length >= 44 && length <= file->length - offset ? length : 0;
}

static void restore_header(struct file *file)
{
    size_t length = header_length(file);
    if (length == 0)
        return;
    memcpy(file->bytes, "RSSPOOL\x1a\1\0\0\0", 12);
    put_le32(file->bytes + 12, (uint32_t)length);
    memcpy(file->bytes + 16, uuid, 16);
    put_le32(file->bytes + 40, (uint32_t)(length - 52) / 2);
    put_le64(file->bytes + length - 8, XXH3_64bits(file->bytes, length - 8));
}

static void restore_records(struct file *file)
{
    size_t length;
    for (size_t at = header_length(file); at > 0 && (length = record_length_at(file, at)) > 0; at += length)
        put_le64(file->bytes + at, record_checksum(file, at, length));
}

static bool part_is(const uint8_t *bytes, struct spool_bytes part)
{
    return part.length == 0 || memcmp(bytes, part.data, part.length) == 0;
}

/* Does this very record stand in the file, with a right checksum? */
static bool holds(const struct file *file, const struct spool_record *record)
{
    for (size_t at = 0; at + 44 <= file->length; at++) {
        const uint8_t *bytes = file->bytes + at;
        size_t length = record_length_at(file, at);
        if (length > 0 && get_le64(bytes + 16) == record->id &&
            get_le64(bytes) == record_checksum(file, at, length) && bytes[12] == record->kind &&
            bytes[13] == record->flags && get_le16(bytes + 14) == record->packet_id &&
            get_le64(bytes + 24) == (uint64_t)record->time &&
            get_le32(bytes + 32) == record->properties.length &&
            get_le32(bytes + 36) == record->payload.length && get_le16(bytes + 40) == record->topic.length &&
            part_is(bytes + 44, record->topic) &&
            part_is(bytes + 44 + record->topic.length, record->properties) &&
            part_is(bytes + 44 + record->topic.length + record->properties.length, record->payload))
            return true;
    }
    return false;
}

static void write_segment(struct file *file, const uint8_t *bytes, size_t length, uint8_t flags)
{
    char name[32];
    memcpy(file->bytes, bytes, length);
    file->length = length;
    file->first_id = length >= 40 ? get_le64(bytes + 32) : 1;
    if (flags & FUZZ_MEND_HEADERS)
        restore_header(file);
    if (flags & FUZZ_MEND_RECORDS)
        restore_records(file);
    snprintf(name, sizeof name, "%020" PRIu64 ".seg", file->first_id);
    write_file(name, file->bytes, length);
}

static void write_position(const uint8_t *slots, uint8_t flags)
{
    uint8_t bytes[8192] = {0};
    for (size_t i = 0; i < 2; i++) {
        uint8_t *slot = bytes + i * 4096;
        memcpy(slot, slots + i * FUZZ_SLOT_LENGTH, FUZZ_SLOT_LENGTH);
        if (flags & FUZZ_MEND_POSITION) {
            memcpy(slot, "RSPOSIT\x1a\1\0\0\0", 12);
            memset(slot + 80, 1, 16);
            put_le64(slot + 96, XXH3_64bits(slot, 96));
        }
    }
    write_file("position", bytes, sizeof bytes);
}

/* ---- the folder as it is ---- */

static uint64_t file_checksum(const char *name)
{
    static uint8_t bytes[1 << 17];
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY);
    ssize_t length = read(fd, bytes, sizeof bytes);
    must(fd >= 0 && length >= 0, "read");
    close(fd);
    return XXH3_64bits_withSeed(bytes, (size_t)length, XXH3_64bits(name, strlen(name)));
}

/* Whatever the order of the files; the lock's is left out, which a start may make. */
static uint64_t folder_checksum(void)
{
    uint64_t sum = 0;
    struct dirent *entry;
    DIR *directory = opendir(folder);
    must(directory != NULL, "opendir");
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lock") != 0)
            sum += file_checksum(entry->d_name);
    closedir(directory);
    return sum;
}

/* ---- the test ---- */

static struct file files[2];

static struct error open_error;

static struct spool *open_spool(bool repair)
{
    const struct spool_settings settings = {
        .directory = folder, .segment_bytes = 1000, .sync = SPOOL_SYNC_NONE, .window = 16, .repair = repair};
    return spool_open(&settings, &open_error);
}

/* Reads and delivers all there is, or up to what cannot be read. True if it came to the end. */
static bool use(struct spool *spool)
{
    struct spool_record record;
    struct error error;
    enum spool_read_result result;
    uint64_t last_id = 0;
    const struct spool_record mine = {.kind = SPOOL_MESSAGE, .topic = {"fuzz", 4}};
    uint64_t id;
    must(spool_append(spool, &mine, &id, &error) == SPOOL_APPENDED, "append");
    while ((result = spool_read(spool, &record, &error)) == SPOOL_READ_RECORD) {
        must(record.kind == SPOOL_MESSAGE && record.id > last_id, "ids in order");
        must(record.id == id || holds(&files[0], &record) || holds(&files[1], &record),
             "a record out of nothing");
        last_id = record.id;
        spool_delivered(spool, record.id);
    }
    must(result == SPOOL_READ_NOTHING, "read to the end what was accepted");
    must(last_id == id, "the last message");
    struct spool_stats stats;
    spool_get_stats(spool, &stats);
    must(stats.spooled == 0 && stats.position == stats.next_id, "counts");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_spool_input input;
    if (folder[0] == '\0')
        make_folder();
    if (size < sizeof input + 2 * FUZZ_SLOT_LENGTH)
        return 0;
    memcpy(&input, data, sizeof input);
    const uint8_t *slots = data + sizeof input, *bytes = slots + 2 * FUZZ_SLOT_LENGTH;
    size_t left = size - sizeof input - 2 * FUZZ_SLOT_LENGTH;
    /* The newer slot's. */
    uuid = slots +
           (get_le64(slots + 16) >= get_le64(slots + FUZZ_SLOT_LENGTH + 16) ? 24 : FUZZ_SLOT_LENGTH + 24);
    rebooted = input.flags & FUZZ_REBOOTED;
    for (int i = 0; i < 2; i++) {
        size_t length = get_le16(input.lengths[i]);
        files[i].length = 0;
        if (length > left)
            length = left;
        if (length > 0)
            write_segment(&files[i], bytes, length, input.flags);
        bytes += length;
        left -= length;
    }
    if (!(input.flags & FUZZ_WITHOUT_POSITION))
        write_position(slots, input.flags);

    uint64_t before = folder_checksum();
    struct spool *spool = open_spool(input.flags & FUZZ_REPAIR);
    /* A repair is tried when all has been looked at, and may still run out of ids. */
    must(spool || folder_checksum() == before || strstr(open_error.text, "cannot repair") ||
             strstr(open_error.text, "no ids left"),
         "a refused start changes nothing");
    if (spool) {
        use(spool);
        spool_close(spool);
        spool = open_spool(false);
        must(spool != NULL, open_error.text);
        use(spool);
        spool_close(spool);
    }
    empty_folder();
    return 0;
}
