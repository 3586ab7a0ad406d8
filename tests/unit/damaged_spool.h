/* What the tests of a spool at its start share: a spool, a copy of it as a kill would leave it, and ways to
 * damage them. Each test includes it once: it holds the start of the machine that the test pretends to be in.
 */
#ifndef ROOMSTREAM_TESTS_UNIT_DAMAGED_SPOOL_H
#define ROOMSTREAM_TESTS_UNIT_DAMAGED_SPOOL_H

#include "spool_folder.h"

#include "core/boot_id.h"

static char copy[64];
static uint32_t boot; /* which start of the machine the tests pretend to be in */

/* Replaces the library's: the linker takes this one. */
void boot_id_read(uuid_t id)
{
    memset(id, 0, sizeof(uuid_t));
    memcpy(id, &boot, sizeof boot);
}

static inline int setup(void **state)
{
    boot = 1;
    make_folder(copy);
    return setup_folder(state);
}

static inline int teardown(void **state)
{
    remove_folder(copy);
    return teardown_folder(state);
}

static inline struct spool_settings settings_of(const char *path, int64_t segment_bytes, bool repair)
{
    struct spool_settings settings = spool_defaults(path);
    settings.segment_bytes = segment_bytes;
    settings.repair = repair;
    return settings;
}

/* Reads and delivers all that is there: consecutive numbers from *first to *last; none: *last is *first - 1.
 */
static inline void read_all(struct spool *spool, uint64_t *first, uint64_t *last)
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
static inline void copy_as_killed(void)
{
    copy_folder(folder, copy);
}

static inline void truncate_file(const char *path, const char *name, int64_t length)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", path, name);
    assert_int_equal(truncate(full, length), 0);
}

static inline void unlink_file(const char *path, const char *name)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", path, name);
    assert_int_equal(unlink(full), 0);
}

static inline void overwrite(const char *path, const char *name, int64_t offset, const void *bytes,
                             size_t length)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", path, name);
    int fd = open(full, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, offset), length);
    close(fd);
}

static inline void flip(const char *path, const char *name, int64_t offset)
{
    struct content content = read_file(path, name);
    assert_true((size_t)offset < content.length);
    uint8_t byte = content.bytes[offset] ^ (uint8_t)(1 << offset % 8);
    free(content.bytes);
    overwrite(path, name, offset, &byte, 1);
}

#endif
