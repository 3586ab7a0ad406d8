/* Packed files: whole, in pieces, cut off and damaged. */
#include "core_fixture.h"

#include "gzip_reader.h"

#include <zlib.h>

#define TEXT "Date,Time,A\n2017/12/22,10:49:41,1\n2017/12/22,10:50:12,2\n"
enum { PACKED_SIZE = 4096 };

struct packed {
    unsigned char data[PACKED_SIZE];
    size_t length, at;
    size_t piece; /* most bytes a time */
};

static ssize_t give(void *context, const void **data, struct error *error)
{
    struct packed *packed = context;
    size_t left = packed->length - packed->at, count = left < packed->piece ? left : packed->piece;
    (void)error;
    *data = packed->data + packed->at;
    packed->at += count;
    return (ssize_t)count;
}

/* Appends a member that holds the text. */
static void pack(struct packed *packed, const char *text)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (unsigned char *)(uintptr_t)text;
    stream.avail_in = (uInt)strlen(text);
    stream.next_out = packed->data + packed->length;
    stream.avail_out = (uInt)(PACKED_SIZE - packed->length);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed->length = PACKED_SIZE - stream.avail_out;
    deflateEnd(&stream);
}

static void append(struct packed *packed, const void *data, size_t length)
{
    memcpy(packed->data + packed->length, data, length);
    packed->length += length;
}

/* Unpacks it all, `room` bytes a time; then "." or "?message". True when it came to its end. */
static bool unpack(struct packed *packed, size_t room, char text[static 1024])
{
    char buffer[1024];
    struct error error = {""};
    size_t length = 0;
    ssize_t count;
    packed->at = 0;
    struct gzip_reader *reader = gzip_reader_new(give, packed, &error);
    assert_non_null(reader);
    while ((count = gzip_reader_read(reader, buffer, room, &error)) > 0) {
        assert_true((size_t)count <= room);
        if (length + (size_t)count > 800)
            continue; /* damaged, it can become long */
        memcpy(text + length, buffer, (size_t)count);
        length += (size_t)count;
    }
    if (count == 0) /* and it stays so */
        assert_int_equal(gzip_reader_read(reader, buffer, room, &error), 0);
    snprintf(text + length, 1024 - length, "%s%.100s", count == 0 ? "." : "?", error.text);
    gzip_reader_free(reader);
    return count == 0;
}

static void check(struct packed *packed, const char *wanted)
{
    char text[1024];
    for (packed->piece = 1; packed->piece < PACKED_SIZE; packed->piece *= 3)
        for (size_t room = 1; room < 1024; room *= 7) {
            unpack(packed, room, text);
            assert_string_equal(text, wanted);
        }
}

static void unpacks_all_members(void **state)
{
    struct packed packed = {.length = 0};
    (void)state;
    pack(&packed, TEXT);
    assert_true(gzip_reader_knows(packed.data, 2) && !gzip_reader_knows(packed.data, 1));
    assert_false(gzip_reader_knows(TEXT, 2));
    check(&packed, TEXT ".");
    pack(&packed, "");
    pack(&packed, "more");
    check(&packed, TEXT "more.");
}

static void allows_zeros_at_the_end(void **state)
{
    struct packed packed = {.length = 0};
    (void)state;
    pack(&packed, TEXT);
    append(&packed, "\0\0\0\0\0\0\0", 7);
    check(&packed, TEXT ".");
    append(&packed, "x", 1);
    char wanted[256];
    snprintf(wanted, sizeof wanted,
             TEXT "?damaged at byte %zu of the gzip file: something else follows its end", packed.length);
    check(&packed, wanted);
}

static void tells_where_it_is_damaged(void **state)
{
    struct packed packed = {.length = 0};
    (void)state;
    pack(&packed, TEXT);
    size_t end = packed.length;
    append(&packed, "no gzip", 7);
    char text[1024];
    packed.piece = SIZE_MAX;
    unpack(&packed, 1024, text);
    assert_contains(text, TEXT "?damaged at byte ");
    assert_contains(text, "incorrect header check");
    packed.length = end;
    packed.data[end - 5] ^= 1; /* the checksum */
    unpack(&packed, 1024, text);
    assert_contains(text, TEXT "?damaged at byte ");
    assert_contains(text, "incorrect data check");
}

/* Cut off anywhere, or with any bit changed: what is unpacked is never taken for the whole, unless it is. */
static void takes_nothing_else_for_the_whole(void **state)
{
    struct packed whole = {.length = 0, .piece = SIZE_MAX}, packed;
    char text[1024];
    (void)state;
    pack(&whole, TEXT);
    for (size_t length = 2; length < whole.length; length++) {
        packed = whole;
        packed.length = length;
        unpack(&packed, 1024, text);
        assert_contains(text, "?damaged at byte ");
        assert_contains(text, "it ends in the middle");
    }
    for (size_t bit = 0; bit < 8 * whole.length; bit++) {
        packed = whole;
        packed.data[bit / 8] ^= (unsigned char)(1U << bit % 8);
        if (unpack(&packed, 1024, text))
            assert_string_equal(text, TEXT "."); /* a date or the like in the header */
    }
}

static void begins_anew(void **state)
{
    struct packed packed = {.length = 0, .piece = 10};
    char buffer[1024];
    struct error error;
    (void)state;
    pack(&packed, TEXT);
    struct gzip_reader *reader = gzip_reader_new(give, &packed, &error);
    assert_int_equal(gzip_reader_packed(reader, 0), 0);
    for (int i = 0; i < 3; i++) {
        size_t length = 0;
        ssize_t count;
        while ((count = gzip_reader_read(reader, buffer + length, 7, &error)) > 0)
            length += (size_t)count;
        assert_int_equal(count, 0);
        assert_int_equal(length, strlen(TEXT));
        assert_memory_equal(buffer, TEXT, length);
        assert_int_equal(gzip_reader_packed(reader, length), packed.length);
        assert_int_equal(gzip_reader_packed(reader, length / 2), packed.length / 2);
        packed.at = 0;
        gzip_reader_rewind(reader);
    }
    gzip_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_all_members),
        cmocka_unit_test(allows_zeros_at_the_end),
        cmocka_unit_test(tells_where_it_is_damaged),
        cmocka_unit_test(takes_nothing_else_for_the_whole),
        cmocka_unit_test(begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
