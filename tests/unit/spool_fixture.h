/* What the tests of the spool share: a spool in a temporary folder, messages whose content follows from their
 * number, and files that can be looked at and damaged. */
#ifndef ROOMSTREAM_TESTS_UNIT_SPOOL_FIXTURE_H
#define ROOMSTREAM_TESTS_UNIT_SPOOL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after what it needs */

#include "core/clock.h"
#include "core/log.h"
#include "spool/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- folders and files ---- */

/* In memory where that is possible: tests open thousands of spools, and each syncs. */
static inline void make_folder(char path[static 64])
{
    snprintf(path, 64, "%s/roomstream-spool-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void for_each_file(const char *folder, void (*act)(const char *path, void *context),
                                 void *context)
{
    char path[1024];
    struct dirent *entry;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            act(path, context);
        }
    closedir(directory);
}

static inline void remove_file(const char *path, void *context)
{
    (void)context;
    assert_int_equal(unlink(path), 0);
}

static inline void empty_folder(const char *folder)
{
    for_each_file(folder, remove_file, NULL);
}

static inline void remove_folder(const char *folder)
{
    empty_folder(folder);
    assert_int_equal(rmdir(folder), 0);
}

struct content {
    uint8_t *bytes;
    size_t length;
};

static inline struct content read_file(const char *folder, const char *name)
{
    char path[1024];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    struct content content = {malloc((size_t)status.st_size + 1), (size_t)status.st_size};
    assert_non_null(content.bytes);
    assert_int_equal(fread(content.bytes, 1, content.length, file), content.length);
    fclose(file);
    return content;
}

static inline void write_file(const char *folder, const char *name, const void *bytes, size_t length)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline bool file_exists(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static inline int64_t file_size(const char *folder, const char *name)
{
    char path[1024];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static inline void copy_file(const char *path, void *to)
{
    const char *name = strrchr(path, '/') + 1;
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(name - path), path);
    struct content content = read_file(folder, name);
    write_file(to, name, content.bytes, content.length);
    free(content.bytes);
}

/* `to` becomes a copy of `from`. */
static inline void copy_folder(const char *from, char *to)
{
    empty_folder(to);
    for_each_file(from, copy_file, to);
}

static inline void count_segment(const char *path, void *count)
{
    const char *dot = strrchr(path, '.');
    if (dot && strcmp(dot, ".seg") == 0)
        ++*(int *)count;
}

static inline int count_segments(const char *folder)
{
    int count = 0;
    for_each_file(folder, count_segment, &count);
    return count;
}

static inline void add_segment_size(const char *path, void *sum)
{
    struct stat status;
    const char *dot = strrchr(path, '.');
    assert_int_equal(stat(path, &status), 0);
    if (dot && strcmp(dot, ".seg") == 0)
        *(int64_t *)sum += status.st_size;
}

/* Of all segments together. */
static inline int64_t segments_size(const char *folder)
{
    int64_t sum = 0;
    for_each_file(folder, add_segment_size, &sum);
    return sum;
}

#define FIRST_SEGMENT "00000000000000000001.seg"

/* ---- the spool ---- */

static inline struct spool_settings spool_defaults(const char *folder)
{
    return (struct spool_settings){
        .directory = folder,
        .segment_bytes = 1 << 20,
        .sync = SPOOL_SYNC_NONE,
        .sync_interval = 10 * MILLISECOND,
        .window = 1024,
    };
}

static inline struct spool *open_with(const struct spool_settings *settings)
{
    struct error error;
    struct spool *spool = spool_open(settings, &error);
    if (!spool)
        fail_msg("%s", error.text);
    return spool;
}

static inline struct spool *open_spool(const char *folder)
{
    const struct spool_settings settings = spool_defaults(folder);
    return open_with(&settings);
}

/* The spool must refuse to open, with this text in its error. */
static inline void assert_refused(const struct spool_settings *settings, const char *words)
{
    struct error error;
    struct spool *spool = spool_open(settings, &error);
    assert_null(spool);
    if (!strstr(error.text, words))
        fail_msg("'%s' is not in: %s", words, error.text);
}

/* ---- messages ---- */

enum { LONGEST_PAYLOAD = 700 };

struct message {
    char topic[32], properties[32];
    uint8_t payload[LONGEST_PAYLOAD];
    struct spool_record record;
};

/* The message with this number: always the same, and different from every other's. */
static inline void make_message(struct message *message, uint64_t number)
{
    size_t length = number * 37 % LONGEST_PAYLOAD;
    int topic = snprintf(message->topic, sizeof message->topic, "topic/%" PRIu64, number % 10);
    int properties = snprintf(message->properties, sizeof message->properties, "number=%" PRIu64, number);
    for (size_t i = 0; i < length; i++)
        message->payload[i] = (uint8_t)(number + i * 7);
    message->record = (struct spool_record){
        .kind = SPOOL_MESSAGE,
        .time = (int64_t)number * 1000 + 1,
        .flags = (uint8_t)number,
        .topic = {message->topic, (size_t)topic},
        .properties = {message->properties, (size_t)properties},
        .payload = {message->payload, length},
    };
}

static inline uint64_t append_message(struct spool *spool, uint64_t number)
{
    struct message message;
    struct error error;
    uint64_t id = 0;
    make_message(&message, number);
    if (spool_append(spool, &message.record, &id, &error) != SPOOL_APPENDED)
        fail_msg("%s", error.text);
    return id;
}

static inline void append_messages(struct spool *spool, uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++)
        append_message(spool, number);
}

/* A record without content: a message when packet_id is stored, a release, ... */
static inline void append_packet_id(struct spool *spool, int kind, uint16_t packet_id)
{
    const struct spool_record record = {.kind = (uint8_t)kind, .packet_id = packet_id};
    struct error error;
    if (spool_append(spool, &record, NULL, &error) != SPOOL_APPENDED)
        fail_msg("%s", error.text);
}

static inline bool same_bytes(struct spool_bytes a, struct spool_bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool is_message(const struct spool_record *record, uint64_t number)
{
    struct message expected;
    make_message(&expected, number);
    return record->kind == SPOOL_MESSAGE && record->time == expected.record.time &&
           record->flags == expected.record.flags && same_bytes(record->topic, expected.record.topic) &&
           same_bytes(record->properties, expected.record.properties) &&
           same_bytes(record->payload, expected.record.payload);
}

/* The next message is the one with this number; returns its id. */
static inline uint64_t assert_reads(struct spool *spool, uint64_t number)
{
    struct spool_record record;
    struct error error = {""};
    enum spool_read_result result = spool_read(spool, &record, &error);
    if (result != SPOOL_READ_RECORD)
        fail_msg("number %" PRIu64 " is not read: result %d %s", number, (int)result, error.text);
    if (!is_message(&record, number))
        fail_msg("number %" PRIu64 " is not id %" PRIu64 "'s", number, record.id);
    return record.id;
}

static inline void assert_reads_nothing(struct spool *spool)
{
    struct spool_record record;
    struct error error = {""};
    enum spool_read_result result = spool_read(spool, &record, &error);
    if (result != SPOOL_READ_NOTHING)
        fail_msg("result %d, id %" PRIu64 " %s", (int)result, record.id, error.text);
}

/* The next messages are those with these numbers. */
static inline void read_messages(struct spool *spool, uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++)
        assert_reads(spool, number);
}

static inline void deliver(struct spool *spool, uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++)
        spool_delivered(spool, assert_reads(spool, number));
}

static inline struct spool_stats stats_of(struct spool *spool)
{
    struct spool_stats stats;
    spool_get_stats(spool, &stats);
    assert_true(stats.received == stats.delivered + stats.dead + stats.spooled);
    assert_true(stats.in_flight <= stats.spooled);
    assert_true(stats.position <= stats.next_id);
    return stats;
}

#define assert_stats(spool, received_, delivered_, dead_)                                                    \
    do {                                                                                                     \
        struct spool_stats stats_ = stats_of(spool);                                                         \
        assert_int_equal(stats_.received, received_);                                                        \
        assert_int_equal(stats_.delivered, delivered_);                                                      \
        assert_int_equal(stats_.dead, dead_);                                                                \
    } while (0)

/* Warnings are expected in many tests. */
static inline void log_nothing(void)
{
    const struct log_settings settings = {.level = -1};
    log_init("test", &settings);
}

#endif
