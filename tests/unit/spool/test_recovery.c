/* The spool at its start: what was interrupted, lost or damaged. */
#include "spool_fixture.h"

#include "core/boot_id.h"
#include "spool/little_endian.h"

#include <sys/wait.h>
#include <xxhash.h>

static char folder[64], copy[64];
static uint32_t boot; /* which start of the machine the tests pretend to be in */

/* Instead of the library's: the linker takes this one. */
void boot_id_read(uuid_t id)
{
    memset(id, 0, sizeof(uuid_t));
    memcpy(id, &boot, sizeof boot);
}

static int setup(void **state)
{
    (void)state;
    boot = 1;
    make_folder(folder);
    make_folder(copy);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder(folder);
    remove_folder(copy);
    return 0;
}

static struct spool_settings settings_of(const char *path, int64_t segment_bytes, bool repair)
{
    struct spool_settings settings = spool_defaults(path);
    settings.segment_bytes = segment_bytes;
    settings.repair = repair;
    return settings;
}

/* Reads and delivers all that is there: consecutive numbers from *first to *last; none: *last is *first - 1.
 */
static void read_all(struct spool *spool, uint64_t *first, uint64_t *last)
{
    struct spool_record record;
    struct error error;
    enum spool_read_result result;
    *first = 1;
    *last = 0;
    while ((result = spool_read(spool, &record, &error)) == SPOOL_READ_RECORD) {
        uint64_t number = (uint64_t)(record.time / 1000);
        if (*last == 0)
            *first = number;
        else
            assert_int_equal(number, *last + 1);
        assert_true(is_message(&record, number));
        *last = number;
        spool_delivered(spool, record.id);
    }
    if (result != SPOOL_READ_NOTHING)
        fail_msg("%s", error.text);
    stats_of(spool);
}

/* The spool as a SIGKILL at this moment would leave it. */
static void copy_as_killed(void)
{
    copy_folder(folder, copy);
}

static void truncate_file(const char *path, const char *name, int64_t length)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", path, name);
    assert_int_equal(truncate(full, length), 0);
}

static void unlink_file(const char *path, const char *name)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", path, name);
    assert_int_equal(unlink(full), 0);
}

static void overwrite(const char *path, const char *name, int64_t offset, const void *bytes, size_t length)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", path, name);
    int fd = open(full, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, offset), length);
    close(fd);
}

static void flip(const char *path, const char *name, int64_t offset)
{
    struct content content = read_file(path, name);
    assert_true((size_t)offset < content.length);
    uint8_t byte = content.bytes[offset] ^ (uint8_t)(1 << offset % 8);
    free(content.bytes);
    overwrite(path, name, offset, &byte, 1);
}

/* ---- torn tails ---- */

static void a_torn_tail_is_cut_off_at_every_byte(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 4);
    int64_t whole = file_size(folder, FIRST_SEGMENT);
    append_message(spool, 5);
    copy_as_killed();
    int64_t length = file_size(copy, FIRST_SEGMENT);
    struct content segment = read_file(copy, FIRST_SEGMENT), position = read_file(copy, "position");
    spool_close(spool);
    for (int64_t end = whole; end <= length; end++) {
        uint64_t first, last;
        write_file(copy, FIRST_SEGMENT, segment.bytes, (size_t)end);
        write_file(copy, "position", position.bytes, position.length);
        spool = open_spool(copy);
        assert_int_equal(spool_next_id(spool), end < length ? 5 : 6);
        assert_int_equal(file_size(copy, FIRST_SEGMENT), end < length ? whole : length);
        if (end < length)
            append_message(spool, 5);
        append_message(spool, 6);
        read_all(spool, &first, &last);
        assert_int_equal(first, 1);
        assert_int_equal(last, 6);
        spool_close(spool);
    }
    free(segment.bytes);
    free(position.bytes);
}

static void a_payload_that_holds_records_is_not_taken_for_them(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 4);
    struct content inner = read_file(folder, FIRST_SEGMENT);
    const struct spool_record record = {.kind = SPOOL_MESSAGE, .payload = {inner.bytes, inner.length}};
    assert_int_equal(spool_append(spool, &record, NULL, NULL), SPOOL_APPENDED);
    copy_as_killed();
    spool_close(spool);
    truncate_file(copy, FIRST_SEGMENT, file_size(copy, FIRST_SEGMENT) - 1);
    uint64_t first, last;
    spool = open_spool(copy);
    read_all(spool, &first, &last);
    assert_int_equal(last, 4);
    spool_close(spool);
    free(inner.bytes);
}

/* ---- flipped bits ---- */

enum { MESSAGES = 12, DELIVERED = 3 };

static void make_small_spool(void)
{
    const struct spool_settings settings = settings_of(folder, 1500, false);
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, MESSAGES);
    assert_true(count_segments(folder) >= 3);
    deliver(spool, 1, 1);
    spool_save(spool);
    deliver(spool, 2, DELIVERED);
    spool_close(spool);
}

struct flips {
    bool repair;
    int refused, cut, unharmed, repaired;
};

/* One file of the copy is harmed; then it must be refused, or hold no other messages than before. */
static void check_flip(struct flips *flips, const char *name)
{
    const struct spool_settings settings = settings_of(copy, 1500, flips->repair);
    struct error error;
    struct spool_record record;
    uint64_t expected = DELIVERED + 1, missing = 0;
    struct spool *spool = spool_open(&settings, &error);
    if (!spool) {
        flips->refused++;
        assert_non_null(strstr(error.text, "--spool-repair"));
        return;
    }
    bool from_start = false;
    while (spool_read(spool, &record, &error) == SPOOL_READ_RECORD) {
        uint64_t number = (uint64_t)(record.time / 1000);
        assert_true(is_message(&record, number));
        /* Without the newest position some are delivered again. */
        if (number < expected && !from_start && strcmp(name, "position") == 0)
            expected = number;
        from_start = true;
        assert_true(number >= expected);
        missing += number - expected;
        expected = number + 1;
        spool_delivered(spool, record.id);
    }
    missing += MESSAGES + 1 - expected;
    assert_reads_nothing(spool);
    if (missing == 0) {
        flips->unharmed++;
    } else {
        assert_int_equal(missing, 1);
        assert_true(flips->repair);
        flips->cut++;
    }
    append_message(spool, 99);
    assert_reads(spool, 99);
    spool_close(spool);
}

static void flip_every_byte(const char *path, void *context)
{
    struct flips *flips = context;
    const char *name = strrchr(path, '/') + 1;
    if (strcmp(name, "lock") == 0)
        return;
    int64_t length = file_size(folder, name);
    for (int64_t offset = 0; offset < length; offset++) {
        /* Most of the position file is empty. */
        if (strcmp(name, "position") == 0 && offset % 4096 > 120)
            continue;
        copy_folder(folder, copy);
        flip(copy, name, offset);
        check_flip(flips, name);
    }
}

static void a_flipped_bit_is_never_taken_for_data(void **state)
{
    (void)state;
    struct flips flips = {.repair = false};
    make_small_spool();
    for_each_file(folder, flip_every_byte, &flips);
    assert_true(flips.refused > 1000 && flips.cut == 0 && flips.unharmed > 50);
}

static void a_repair_loses_no_more_than_the_damaged_record(void **state)
{
    (void)state;
    struct flips flips = {.repair = true};
    make_small_spool();
    for_each_file(folder, flip_every_byte, &flips);
    assert_true(flips.refused == 0 && flips.cut > 1000 && flips.unharmed > 50);
}

/* ---- damage and repair ---- */

static void damage_is_refused_and_repaired_once(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 3);
    int64_t offset = file_size(folder, FIRST_SEGMENT);
    append_messages(spool, 4, 10);
    spool_close(spool);
    flip(folder, FIRST_SEGMENT, offset + 60);
    struct spool_settings settings = spool_defaults(folder);
    char words[200];
    snprintf(words, sizeof words, "%s/%s at offset %" PRId64 ": id 4 ", folder, FIRST_SEGMENT, offset);
    assert_refused(&settings, words);
    assert_refused(&settings, "--spool-repair");
    settings.repair = true;
    spool = open_with(&settings);
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt"));
    deliver(spool, 1, 3);
    assert_int_equal(assert_reads(spool, 5), 5);
    spool_rewind(spool);
    assert_reads(spool, 5);
    spool_close(spool);
    settings.repair = false;
    spool = open_with(&settings);
    assert_stats(spool, 9, 3, 0);
    deliver(spool, 5, 10);
    assert_int_equal(append_message(spool, 11), 11);
    deliver(spool, 11, 11);
    assert_stats(spool, 10, 10, 0);
    spool_close(spool);
}

static void a_second_repair_keeps_the_first_damaged_file(void **state)
{
    (void)state;
    struct spool_settings settings = settings_of(folder, 1 << 20, true);
    for (int i = 0; i < 3; i++) {
        struct spool *spool = open_with(&settings);
        append_messages(spool, 1, 4);
        spool_close(spool);
        flip(folder, FIRST_SEGMENT, 80);
    }
    spool_close(open_with(&settings));
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt"));
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt.2"));
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt.3"));
}

static void a_missing_segment_is_refused_and_repaired(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1500, false);
    const struct spool_settings repair = settings_of(folder, 1500, true);
    struct spool *spool = open_with(&settings);
    uint64_t id, removed = 0;
    char name[64];
    append_messages(spool, 1, 40);
    spool_close(spool);
    for (id = 10; id < 30; id++) {
        snprintf(name, sizeof name, "%020" PRIu64 ".seg", id);
        if (removed == 0 && file_exists(folder, name)) {
            unlink_file(folder, name);
            removed = id;
        } else if (removed != 0 && file_exists(folder, name)) {
            break;
        }
    }
    assert_refused(&settings, "should follow, but the next file begins with");
    spool = open_with(&repair);
    deliver(spool, 1, removed - 1);
    assert_int_equal(assert_reads(spool, id), id);
    spool_delivered(spool, id);
    deliver(spool, id + 1, 40);
    assert_stats(spool, 40 - (id - removed), 40 - (id - removed), 0);
    spool_close(spool);
    spool_close(open_with(&settings));
}

static void missing_segments_at_the_position_are_refused_and_repaired(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1500, false);
    const struct spool_settings repair = settings_of(folder, 1500, true);
    struct spool *spool = open_with(&settings);
    uint64_t first, last;
    append_messages(spool, 1, 40);
    spool_close(spool);
    unlink_file(folder, FIRST_SEGMENT);
    assert_refused(&settings, "held the ids from 1 to ");
    spool = open_with(&repair);
    read_all(spool, &first, &last);
    assert_true(first > 1 && first < 20);
    assert_int_equal(last, 40);
    spool_close(spool);
}

static void damage_in_front_of_short_records_is_seen(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    for (uint16_t id = 1; id <= 3; id++)
        append_packet_id(spool, SPOOL_RELEASE, id);
    spool_close(spool);
    flip(folder, FIRST_SEGMENT, 52 + 44 + 20);
    const struct spool_settings settings = spool_defaults(folder);
    assert_refused(&settings, "id 2 is not whole");
}

static void a_renamed_segment_is_refused(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    char from[512], to[512];
    append_messages(spool, 1, 4);
    deliver(spool, 1, 4);
    spool_close(spool);
    snprintf(from, sizeof from, "%s/%s", folder, FIRST_SEGMENT);
    snprintf(to, sizeof to, "%s/%020d.seg", folder, 5);
    assert_int_equal(rename(from, to), 0);
    const struct spool_settings settings = spool_defaults(folder);
    assert_refused(&settings, "its header says that its name is " FIRST_SEGMENT);
}

static void delivered_segments_that_a_kill_left_are_removed(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1500, false);
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, 40);
    deliver(spool, 1, 30);
    struct content first = read_file(folder, FIRST_SEGMENT);
    spool_close(spool);
    assert_false(file_exists(folder, FIRST_SEGMENT));
    write_file(folder, FIRST_SEGMENT, first.bytes, first.length);
    free(first.bytes);
    spool = open_with(&settings);
    assert_false(file_exists(folder, FIRST_SEGMENT));
    assert_int_equal(stats_of(spool).bytes, segments_size(folder));
    deliver(spool, 31, 40);
    spool_close(spool);
}

/* ---- the position file ---- */

static void without_position_all_that_is_there_is_delivered(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    char uuid[40];
    uint64_t first, last;
    append_messages(spool, 1, 9);
    deliver(spool, 1, 4);
    strcpy(uuid, spool_uuid(spool));
    spool_close(spool);
    unlink_file(folder, "position");
    spool = open_spool(folder);
    assert_string_equal(spool_uuid(spool), uuid);
    /* Nobody knows how far ids had gone. */
    assert_true(append_message(spool, 10) > UINT32_MAX);
    read_all(spool, &first, &last);
    assert_int_equal(first, 1);
    assert_int_equal(last, 10);
    spool_close(spool);
}

static void without_position_and_first_segment_it_is_refused(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1500, false);
    const struct spool_settings repair = settings_of(folder, 1500, true);
    struct spool *spool = open_with(&settings);
    uint64_t first, last;
    append_messages(spool, 1, 40);
    deliver(spool, 1, 20);
    spool_close(spool);
    assert_false(file_exists(folder, FIRST_SEGMENT));
    unlink_file(folder, "position");
    assert_refused(&settings, "position");
    spool = open_with(&repair);
    read_all(spool, &first, &last);
    assert_true(first > 1 && first <= 21);
    assert_int_equal(last, 40);
    spool_close(spool);
    spool_close(open_with(&settings));
}

static void one_whole_slot_is_enough(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 9);
    for (uint64_t number = 1; number <= 6; number++) {
        deliver(spool, number, number);
        spool_save(spool);
        for (int slot = 0; slot < 2; slot++) {
            copy_as_killed();
            flip(copy, "position", slot * 4096 + 40);
            struct spool *other = open_spool(copy);
            /* The older one is one delivery behind. */
            assert_in_range(stats_of(other).position, number, number + 1);
            spool_close(other);
        }
    }
    spool_close(spool);
}

static void without_whole_slot_it_is_refused(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 9);
    deliver(spool, 1, 6);
    spool_close(spool);
    flip(folder, "position", 50);
    flip(folder, "position", 4096 + 50);
    struct spool_settings settings = spool_defaults(folder);
    assert_refused(&settings, "neither copy");
    settings.repair = true;
    spool = open_with(&settings);
    deliver(spool, 1, 9);
    spool_close(spool);
}

/* ---- versions, owners, locks ---- */

/* Another version of what stands at `offset`, a header or a slot, is whole by its own account. */
static void overwrite_with_checksum(const char *name, int64_t offset, size_t length, uint8_t version)
{
    struct content content = read_file(folder, name);
    uint8_t *bytes = content.bytes + offset, checksum[8];
    bytes[8] = version;
    put_le64(checksum, XXH3_64bits(bytes, length - 8));
    overwrite(folder, name, offset + 8, &version, 1);
    overwrite(folder, name, offset + (int64_t)length - 8, checksum, 8);
    free(content.bytes);
}

/* Else what it points to would be overwritten with a process id. */
static void a_lock_that_is_a_link_is_refused(void **state)
{
    char lock[300], target[300];
    struct spool_settings settings = spool_defaults(folder);
    (void)state;
    spool_close(open_spool(folder));
    snprintf(lock, sizeof lock, "%s/lock", folder);
    snprintf(target, sizeof target, "%s/precious", folder);
    assert_int_equal(rename(lock, target), 0);
    assert_int_equal(symlink("precious", lock), 0);
    assert_refused(&settings, "lock: it is a symbolic link, which is not followed");
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    spool_close(open_spool(folder));
    copy_folder(folder, copy);
    for (int repair = 0; repair < 2; repair++) {
        settings.repair = repair;
        for (uint8_t version = 0; version < 3; version += 2) {
            overwrite_with_checksum(FIRST_SEGMENT, 0, 52, version);
            assert_refused(&settings, version == 2 ? "has format version 2, this program reads and writes 1"
                                                   : "has format version 0, this program reads and writes 1");
        }
        copy_folder(copy, folder);
        overwrite_with_checksum("position", 0, 104, 2);
        overwrite_with_checksum("position", 4096, 104, 2);
        assert_refused(&settings, "has format version 2, this program reads and writes 1");
        copy_folder(copy, folder);
    }
    spool_close(open_spool(folder));
}

static void another_spools_segment_is_refused(void **state)
{
    (void)state;
    spool_close(open_spool(folder));
    spool_close(open_spool(copy));
    struct content segment = read_file(copy, FIRST_SEGMENT);
    write_file(folder, FIRST_SEGMENT, segment.bytes, segment.length);
    free(segment.bytes);
    struct spool_settings settings = spool_defaults(folder);
    assert_refused(&settings, "another spool");
    settings.repair = true;
    assert_refused(&settings, "another spool");
}

static void a_spool_serves_one_process(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    const struct spool_settings settings = spool_defaults(folder);
    char words[64];
    snprintf(words, sizeof words, "in use by process %ld", (long)getpid());
    assert_refused(&settings, words);
    spool_close(spool);
    spool_close(open_spool(folder));
}

static void a_folder_that_cannot_be_is_refused(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/missing/spool", folder);
    const struct spool_settings settings = spool_defaults(path);
    assert_refused(&settings, "cannot create the spool's folder");
}

static void unfinished_files_are_removed(void **state)
{
    (void)state;
    spool_close(open_spool(folder));
    write_file(folder, "00000000000000000009.seg.tmp", "half", 4);
    write_file(folder, "notes.txt", "mine", 4);
    spool_close(open_spool(folder));
    assert_false(file_exists(folder, "00000000000000000009.seg.tmp"));
    assert_true(file_exists(folder, "notes.txt"));
}

/* ---- power loss ---- */

static void append_unsynced(struct spool *spool, int64_t *synced)
{
    struct error error;
    append_messages(spool, 1, 5);
    assert_true(spool_sync(spool, &error));
    *synced = file_size(folder, FIRST_SEGMENT);
    append_messages(spool, 6, 9);
}

static int64_t message_length(uint64_t number)
{
    struct message message;
    make_message(&message, number);
    return 44 + (int64_t)(message.record.topic.length + message.record.properties.length +
                          message.record.payload.length);
}

/* Of numbers 6 to 9: those whose bytes are as they were. */
static void assert_reads_what_is_whole(struct spool *spool, struct content before, struct content after)
{
    size_t offset = 52;
    for (uint64_t number = 1; number <= 9; number++) {
        size_t length = (size_t)message_length(number);
        if (number > 5 && offset + length <= after.length &&
            memcmp(before.bytes + offset, after.bytes + offset, length) == 0)
            spool_delivered(spool, assert_reads(spool, number));
        offset += length;
    }
}

static void a_power_loss_costs_only_what_was_not_synced(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    int64_t synced;
    append_unsynced(spool, &synced);
    int64_t length = file_size(folder, FIRST_SEGMENT);
    static const uint8_t zeros[65536];
    struct content before = read_file(folder, FIRST_SEGMENT);
    for (int64_t from = synced; from < length; from += 7)
        for (int64_t to = from + 1; to <= length; to += 97) {
            uint64_t first;
            copy_as_killed();
            overwrite(copy, FIRST_SEGMENT, from, zeros, (size_t)(to - from));
            if (to + 97 > length)
                truncate_file(copy, FIRST_SEGMENT, to);
            struct content after = read_file(copy, FIRST_SEGMENT);
            boot++;
            struct spool *other = open_spool(copy);
            /* The lost records' ids may be known elsewhere. */
            assert_true(append_message(other, 77) >= UINT64_C(1) << 32);
            /* A second start in the same boot skips no more. */
            spool_close(other);
            other = open_spool(copy);
            assert_true(spool_next_id(other) < (UINT64_C(2) << 32) + 20);
            for (first = 1; first <= 5; first++)
                spool_delivered(other, assert_reads(other, first));
            assert_reads_what_is_whole(other, before, after);
            free(after.bytes);
            assert_reads(other, 77);
            spool_close(other);
        }
    free(before.bytes);
    spool_close(spool);
}

static void a_hole_without_power_loss_is_damage(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    const struct spool_settings settings = spool_defaults(copy);
    int64_t synced;
    append_unsynced(spool, &synced);
    copy_as_killed();
    overwrite(copy, FIRST_SEGMENT, synced, "\0\0\0\0\0\0\0\0", 8);
    assert_refused(&settings, "id 6 is not whole");
    boot++;
    spool_close(open_with(&settings));
    spool_close(spool);
}

static void damage_before_the_synced_point_is_no_power_loss(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    const struct spool_settings settings = spool_defaults(copy);
    int64_t synced;
    append_unsynced(spool, &synced);
    copy_as_killed();
    boot++;
    int64_t fourth = 52 + message_length(1) + message_length(2) + message_length(3); /* where it stands */
    flip(copy, FIRST_SEGMENT, synced - 1);
    assert_refused(&settings, "was stored and synced");
    /* Nor is it a torn tail when nothing stands behind it. */
    truncate_file(copy, FIRST_SEGMENT, synced);
    assert_refused(&settings, "was stored and synced");
    truncate_file(copy, FIRST_SEGMENT, fourth);
    assert_refused(&settings, "id 4 was stored and synced");
    truncate_file(copy, FIRST_SEGMENT, fourth - 20);
    assert_refused(&settings, "id 3 was stored and synced");
    struct spool_settings repair = settings;
    repair.repair = true;
    uint64_t first, last;
    struct spool *other = open_with(&repair);
    read_all(other, &first, &last);
    assert_int_equal(last, 2);
    spool_close(other);
    spool_close(open_with(&settings));
    spool_close(spool);
}

/* The first id of the segment behind the one that begins with this id; 41 behind the last. */
static uint64_t next_segment(uint64_t id)
{
    char name[64];
    do
        snprintf(name, sizeof name, "%020" PRIu64 ".seg", ++id);
    while (id <= 40 && !file_exists(folder, name));
    return id;
}

static void a_power_loss_may_take_segments(void **state)
{
    (void)state;
    struct spool_settings settings = settings_of(folder, 1500, false);
    struct spool *spool = open_with(&settings);
    struct error error;
    uint64_t lost = 0;
    append_messages(spool, 1, 10);
    assert_true(spool_sync(spool, &error));
    append_messages(spool, 11, 40);
    settings.directory = copy;
    for (uint64_t id = 12; id <= 40; id++) {
        char name[64];
        snprintf(name, sizeof name, "%020" PRIu64 ".seg", id);
        if (!file_exists(folder, name))
            continue;
        for (int kind = 0; kind < 3; kind++) {
            copy_as_killed();
            if (kind == 0)
                truncate_file(copy, name, 0);
            else if (kind == 1)
                unlink_file(copy, name);
            else
                overwrite(copy, name, 0, "\0\0\0\0\0\0\0\0", 8);
            boot++;
            struct spool *other = open_with(&settings);
            uint64_t next = next_segment(id);
            for (uint64_t number = 1; number <= 40; number++)
                if (kind == 2 || number < id || number >= next)
                    spool_delivered(other, assert_reads(other, number));
            assert_reads_nothing(other);
            spool_close(other);
            lost++;
        }
    }
    assert_true(lost > 9);
    spool_close(spool);
}

static void records_behind_the_position_may_be_lost(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 3);
    int64_t whole = file_size(folder, FIRST_SEGMENT);
    append_messages(spool, 4, 9);
    deliver(spool, 1, 8);
    spool_save(spool);
    copy_as_killed();
    truncate_file(copy, FIRST_SEGMENT, whole);
    boot++;
    struct spool *other = open_spool(copy);
    assert_true(append_message(other, 10) > 9);
    deliver(other, 10, 10);
    assert_reads_nothing(other);
    assert_stats(other, 9, 9, 0);
    spool_close(other);
    spool_close(spool);
}

static void what_is_advanced_elsewhere_may_lie_among_lost_ids(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    append_messages(spool, 1, 9);
    copy_as_killed();
    truncate_file(copy, FIRST_SEGMENT, file_size(copy, FIRST_SEGMENT) - 1);
    boot++;
    struct spool *other = open_spool(copy);
    append_message(other, 20);
    assert_true(spool_advance(other, 10)); /* id 9 was delivered before the power was lost */
    assert_reads(other, 20);
    assert_stats(other, 9, 8, 0);
    spool_close(other);
    other = open_spool(copy);
    deliver(other, 20, 20);
    spool_close(other);
    spool_close(spool);
}

static void a_gap_waits_for_what_is_before_it(void **state)
{
    (void)state;
    struct spool *spool = open_spool(folder);
    struct spool_record record;
    append_messages(spool, 1, 5);
    copy_as_killed();
    spool_close(spool);
    boot++;
    spool = open_spool(copy);
    append_message(spool, 6);
    for (uint64_t number = 1; number <= 5; number++)
        assert_reads(spool, number);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    assert_stats(spool, 6, 0, 0);
    for (uint64_t id = 2; id <= 5; id++)
        spool_delivered(spool, id);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    spool_rewind(spool);
    assert_reads(spool, 1);
    assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_WINDOW);
    spool_delivered(spool, 1);
    deliver(spool, 6, 6);
    assert_stats(spool, 6, 6, 0);
    spool_close(spool);
}

static void a_clean_end_loses_no_ids(void **state)
{
    (void)state;
    struct spool_settings settings = spool_defaults(folder);
    settings.sync = SPOOL_SYNC_INTERVAL;
    struct spool *spool = open_with(&settings);
    append_messages(spool, 1, 5);
    spool_close(spool);
    boot++;
    spool = open_with(&settings);
    assert_int_equal(spool_next_id(spool), 6);
    append_message(spool, 6);
    copy_as_killed();
    spool_close(spool);
    boot++;
    settings.directory = copy;
    spool = open_with(&settings);
    assert_true(spool_next_id(spool) > UINT32_MAX);
    deliver(spool, 1, 6);
    spool_close(spool);
}

/* ---- packet ids ---- */

static void assert_unreleased(struct spool *spool, const char *expected)
{
    static uint16_t ids[65535];
    char text[400] = "";
    size_t count = spool_unreleased(spool, ids);
    for (size_t i = 0; i < count && strlen(text) < 380; i++) {
        sprintf(text + strlen(text), "%u ", ids[i]);
        assert_true(spool_holds(spool, ids[i]));
    }
    assert_string_equal(text, expected);
    assert_int_equal(spool_unreleased_count(spool), count);
}

static void packet_ids_outlive_restarts_and_segments(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 300, false);
    struct spool *spool = open_with(&settings);
    uint64_t number = 1;
    append_packet_id(spool, SPOOL_MESSAGE, 9);
    append_packet_id(spool, SPOOL_MESSAGE, 2);
    append_packet_id(spool, SPOOL_MESSAGE, 65535);
    append_packet_id(spool, SPOOL_RELEASE, 2);
    append_packet_id(spool, SPOOL_RELEASE, 2);
    append_packet_id(spool, SPOOL_MESSAGE, 4);
    assert_unreleased(spool, "9 65535 4 ");
    assert_false(spool_holds(spool, 2));
    assert_false(spool_holds(spool, 0));
    spool_close(spool);
    spool = open_with(&settings);
    assert_unreleased(spool, "9 65535 4 ");
    for (; number <= 20; number++)
        append_message(spool, number);
    struct spool_record record;
    while (spool_read(spool, &record, NULL) == SPOOL_READ_RECORD)
        spool_delivered(spool, record.id);
    spool_close(spool); /* the segments where they were stored are gone */
    assert_false(file_exists(folder, FIRST_SEGMENT));
    spool = open_with(&settings);
    assert_unreleased(spool, "9 65535 4 ");
    append_packet_id(spool, SPOOL_RELEASE, 65535);
    append_packet_id(spool, SPOOL_MESSAGE, 2);
    assert_unreleased(spool, "9 4 2 ");
    append_packet_id(spool, SPOOL_FORGET, 0);
    append_packet_id(spool, SPOOL_MESSAGE, 4);
    assert_unreleased(spool, "4 ");
    spool_close(spool);
    spool = open_with(&settings);
    assert_unreleased(spool, "4 ");
    spool_close(spool);
}

static void the_next_header_knows_of_a_release_that_is_lost(void **state)
{
    (void)state;
    const struct spool_settings repair = settings_of(folder, 150, true);
    struct spool *spool = open_with(&repair);
    append_packet_id(spool, SPOOL_MESSAGE, 8);
    append_packet_id(spool, SPOOL_RELEASE, 8);
    append_packet_id(spool, SPOOL_MESSAGE, 9);
    append_packet_id(spool, SPOOL_MESSAGE, 10);
    assert_int_equal(count_segments(folder), 2);
    spool_close(spool);
    flip(folder, FIRST_SEGMENT, 52 + 44 + 5);
    spool = open_with(&repair);
    assert_true(file_exists(folder, FIRST_SEGMENT ".corrupt"));
    assert_unreleased(spool, "9 10 ");
    spool_close(spool);
}

/* Held for ever, it would make a later message pass for a repeated one. */
static void a_packet_id_whose_release_is_lost_is_not_held(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1 << 20, false);
    const struct spool_settings repair = settings_of(folder, 1 << 20, true);
    for (int last = 0; last < 2; last++) { /* the release: in the middle, at the end */
        struct spool *spool = open_with(&settings);
        append_packet_id(spool, SPOOL_MESSAGE, 8);
        append_packet_id(spool, SPOOL_RELEASE, 8);
        if (!last)
            append_message(spool, 3);
        spool_close(spool);
        flip(folder, FIRST_SEGMENT, 52 + 44 + 20);
        assert_refused(&settings, "id 2 is not whole");
        spool = open_with(&repair);
        assert_unreleased(spool, "");
        /* Nobody knows how many ids a lost end had. */
        assert_true((append_message(spool, 4) > UINT32_MAX) == (last == 1));
        spool_close(spool);
        empty_folder(folder);
    }
}

static void all_packet_ids_fit_a_header(void **state)
{
    (void)state;
    const struct spool_settings settings = settings_of(folder, 1 << 20, false);
    struct spool *spool = open_with(&settings);
    for (uint32_t id = 65535; id >= 1; id--)
        append_packet_id(spool, SPOOL_MESSAGE, (uint16_t)id);
    struct spool_record record;
    for (int i = 0; i < 65535; i++) {
        assert_int_equal(spool_read(spool, &record, NULL), SPOOL_READ_RECORD);
        spool_delivered(spool, record.id);
    }
    spool_close(spool);
    assert_int_equal(count_segments(folder), 1);
    spool = open_with(&settings);
    static uint16_t ids[65535];
    assert_int_equal(spool_unreleased(spool, ids), 65535);
    for (size_t i = 0; i < 65535; i++)
        assert_int_equal(ids[i], 65535 - i);
    spool_close(spool);
}

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_torn_tail_is_cut_off_at_every_byte),
        TEST(a_payload_that_holds_records_is_not_taken_for_them),
        TEST(a_flipped_bit_is_never_taken_for_data),
        TEST(a_repair_loses_no_more_than_the_damaged_record),
        TEST(damage_is_refused_and_repaired_once),
        TEST(a_second_repair_keeps_the_first_damaged_file),
        TEST(damage_in_front_of_short_records_is_seen),
        TEST(a_renamed_segment_is_refused),
        TEST(delivered_segments_that_a_kill_left_are_removed),
        TEST(a_missing_segment_is_refused_and_repaired),
        TEST(missing_segments_at_the_position_are_refused_and_repaired),
        TEST(without_position_all_that_is_there_is_delivered),
        TEST(without_position_and_first_segment_it_is_refused),
        TEST(one_whole_slot_is_enough),
        TEST(without_whole_slot_it_is_refused),
        TEST(a_lock_that_is_a_link_is_refused),
        TEST(other_versions_are_refused),
        TEST(another_spools_segment_is_refused),
        TEST(a_spool_serves_one_process),
        TEST(a_folder_that_cannot_be_is_refused),
        TEST(unfinished_files_are_removed),
        TEST(a_power_loss_costs_only_what_was_not_synced),
        TEST(a_hole_without_power_loss_is_damage),
        TEST(damage_before_the_synced_point_is_no_power_loss),
        TEST(a_power_loss_may_take_segments),
        TEST(records_behind_the_position_may_be_lost),
        TEST(what_is_advanced_elsewhere_may_lie_among_lost_ids),
        TEST(a_gap_waits_for_what_is_before_it),
        TEST(a_clean_end_loses_no_ids),
        TEST(packet_ids_outlive_restarts_and_segments),
        TEST(the_next_header_knows_of_a_release_that_is_lost),
        TEST(a_packet_id_whose_release_is_lost_is_not_held),
        TEST(all_packet_ids_fit_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
