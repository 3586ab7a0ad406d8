/* Versions, owners and locks of a spool's folder. */
#include "damaged_spool.h"

#include "spool/little_endian.h"

#include <xxhash.h>

/* Another version of what is at `offset`, a header or a slot, with a right checksum. */
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

/* Otherwise its target would be overwritten with a process id. */
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

int main(void)
{
    log_nothing();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_lock_that_is_a_link_is_refused),   TEST(other_versions_are_refused),
        TEST(another_spools_segment_is_refused),  TEST(a_spool_serves_one_process),
        TEST(a_folder_that_cannot_be_is_refused), TEST(unfinished_files_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
