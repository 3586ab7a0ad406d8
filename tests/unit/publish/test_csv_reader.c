#include "csv_fixture.h"

enum { DUMP_SIZE = 4096 };

static const struct csv_layout plain;

/* Everything that the reader says of the file: "LINE:field|field;" for a row, "!message;" for a bad one,
 * "?message;" for a failure, and "." at the end. */
static void dump(struct memory_file file, char text[static DUMP_SIZE])
{
    struct error error;
    size_t length = 0;
    struct csv_reader *reader = csv_reader_open("f", &plain, memory_read, &file, &error);
    if (!reader) {
        snprintf(text, DUMP_SIZE, "?%s;", error.text);
        return;
    }
    for (;;) {
        enum csv_reader_result result = csv_reader_next(reader, &error);
        assert_true(length < DUMP_SIZE - 1200);
        if (result == CSV_READER_ROW) {
            int line;
            csv_reader_error(reader, 0, &error, "here"); /* FILE:LINE:... */
            assert_int_equal(sscanf(error.text, "f:%d:", &line), 1);
            length += (size_t)sprintf(text + length, "%d:", line);
            for (size_t i = 0; i < 2; i++)
                length += (size_t)sprintf(text + length, "%s%c", csv_reader_field(reader, i), i ? ';' : '|');
        } else if (result == CSV_READER_BAD_ROW) {
            length += (size_t)sprintf(text + length, "!%s;", error.text);
        } else {
            sprintf(text + length, result == CSV_READER_END ? "." : "?%s;", error.text);
            break;
        }
    }
    if (text[length] == '.')
        assert_int_equal(csv_reader_bytes(reader), file.length);
    csv_reader_close(reader);
}

struct sample {
    struct memory_file file;
    const char *wanted;
};

#define QUOTE_ERROR                                                                                          \
    "a quote is out of place: a field with quotes is quoted as a whole, and a quote in it is doubled"
#define ROW_NAME_HINT                                                                                        \
    " (where each row begins with a name or number that the header leaves out, give --row-names)"
#define EMPTY_ERROR "?f: the file is empty: its first line should name the columns;"

static const struct sample samples[] = {
    {MEMORY_FILE("a,b\n1,2\n3,4\n"), "2:1|2;3:3|4;."},
    {MEMORY_FILE("a,b\n1,2"), "2:1|2;."},
    {MEMORY_FILE("a,b\n"), "."},
    {MEMORY_FILE("a,b"), "."},
    {MEMORY_FILE("a,b\n,\n"), "2:|;."},
    /* ends of line */
    {MEMORY_FILE("a,b\r\n1,2\r\n3,4\r\n"), "2:1|2;3:3|4;."},
    {MEMORY_FILE("a,b\r1,2\r3,4\r"), "2:1|2;3:3|4;."},
    {MEMORY_FILE("a,b\n1,2\r\n3,4\r5,6\n7,8"), "2:1|2;3:3|4;4:5|6;5:7|8;."},
    {MEMORY_FILE("a,b\r\n\r\n\r\n1,2\r\n"), "4:1|2;."},
    {MEMORY_FILE("\n \t\na,b\n\n  \n1,2\n\n"), "6:1|2;."},
    /* byte order marks and other encodings */
    {MEMORY_FILE("\xef\xbb\xbf"
                 "a,b\n1,2\n"),
     "2:1|2;."},
    {MEMORY_FILE("\xef\xbb\xbf\"a\",b\n1,2\n"), "2:1|2;."},
    {MEMORY_FILE("\xef\xbb\xbf\n"
                 "a,b\n1,2\n"),
     "3:1|2;."},
    {MEMORY_FILE("\xff\xfe"
                 "a\0,\0b\0\n\0"),
     "?f:1: the file is in UTF-16: convert it to UTF-8 first;"},
    /* nothing there */
    {MEMORY_FILE(""), EMPTY_ERROR},
    {MEMORY_FILE("\n\r\n \n"), EMPTY_ERROR},
    {MEMORY_FILE("\xef\xbb\xbf"), EMPTY_ERROR},
    /* quotes and spaces */
    {MEMORY_FILE("a,b\n\"1\",\"x,y\"\n3,4\n"), "2:1|x,y;3:3|4;."},
    {MEMORY_FILE("a,b\n\"say \"\"hi\"\"\",\"\"\n"), "2:say \"hi\"|;."},
    {MEMORY_FILE("a,b\n\"1\n\n2\",3\n4,5\n"), "2:1\n\n2|3;5:4|5;."},
    {MEMORY_FILE("a,b\r\n\"1\r\n2\",3\r\n4,5\r\n"), "2:1\r\n2|3;4:4|5;."},
    {MEMORY_FILE("a,b\n 1 ,\t2\t\n\" 3 \" ,4\n"), "2:1|2;3: 3 |4;."},
    {MEMORY_FILE("a,b\n1,2\"3\n4,5\n"), "!f:2:2 (b): " QUOTE_ERROR ";3:4|5;."},
    {MEMORY_FILE("a,b\n\"1\"x,2\n4,5\n"), "!f:2:1 (a): " QUOTE_ERROR ";3:4|5;."},
    {MEMORY_FILE("a,b\n1,2\n\"3,4\n5,6\n"),
     "2:1|2;!f:3: a quote that is opened in this row is not closed before the end of the file;."},
    /* rows that do not fit the header */
    {MEMORY_FILE("a,b\n1\n2,3\n"), "!f:2:2 (b): missing: the row has 1 of 2 fields;3:2|3;."},
    {MEMORY_FILE("a,b\n1,2,3\n4,5\n"),
     "!f:2:3: too many fields: the row has 3, the header 2" ROW_NAME_HINT ";3:4|5;."},
    {MEMORY_FILE("a,b\n1,2,\n"), "!f:2:3: too many fields: the row has 3, the header 2" ROW_NAME_HINT ";."},
    /* NUL bytes */
    {MEMORY_FILE("a,b\n1,2\0\n4,5\n"), "!f:2:2 (b): a NUL byte;3:4|5;."},
    {MEMORY_FILE("a,b\n\0,2\n\"4\0\",5\n6,7\n"), "!f:2:1 (a): a NUL byte;!f:3:1 (a): a NUL byte;4:6|7;."},
    {MEMORY_FILE("a\0,b\n1,2\n"), "?f:1:1: a NUL byte;"},
    {MEMORY_FILE("\0\0\0\0"), "?f:1:1: a NUL byte;"},
};

/* However the file comes in. */
static void tells_rows_and_errors(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 5, SIZE_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
            char text[DUMP_SIZE];
            struct memory_file file = samples[i].file;
            file.piece = pieces[k];
            dump(file, text);
            if (strcmp(text, samples[i].wanted) != 0)
                fail_msg("sample %zu in pieces of %zu: %s, not %s", i, pieces[k], text, samples[i].wanted);
        }
}

/* Fields are counted as they stand in the file. */
static void leaves_out_row_names(void **state)
{
    static const struct csv_layout layout = {.separator = ';', .row_names = true};
    struct memory_file file = MEMORY_FILE("a;b\n1;x,y;\"z\"\nx\ny;2;\"3\";4\n;5;6\"\n\n7;8;9");
    struct error error;
    size_t column;
    (void)state;
    file.piece = SIZE_MAX;
    struct csv_reader *reader = csv_reader_open("f", &layout, memory_read, &file, &error);
    assert_non_null(reader);
    assert_true(csv_reader_column(reader, "b", &column, &error));
    assert_int_equal(csv_reader_next(reader, &error), CSV_READER_ROW);
    assert_string_equal(csv_reader_field(reader, column), "z");
    assert_int_equal(csv_reader_next(reader, &error), CSV_READER_BAD_ROW);
    assert_string_equal(error.text, "f:3:2 (a): missing: the row has 1 of 3 fields");
    assert_int_equal(csv_reader_next(reader, &error), CSV_READER_BAD_ROW);
    assert_string_equal(error.text, "f:4:4: too many fields: the row has 4, the header 2 and the row's name");
    assert_int_equal(csv_reader_next(reader, &error), CSV_READER_BAD_ROW);
    assert_string_equal(error.text, "f:5:3 (b): " QUOTE_ERROR);
    assert_int_equal(csv_reader_next(reader, &error), CSV_READER_ROW);
    assert_string_equal(csv_reader_field(reader, column), "9");
    csv_reader_close(reader);
}

/* ---- bounds ---- */

/* A header, then a row of `length` bytes, then 3,4. */
static char *file_with_long_row(const char *start, size_t length, char filling, size_t *total)
{
    char *data = malloc(length + 64);
    assert_non_null(data);
    size_t at = (size_t)sprintf(data, "a,b\n%s", start);
    memset(data + at, filling, length - strlen(start) - 1);
    at += length - strlen(start) - 1;
    *total = at + (size_t)sprintf(data + at, "\n3,4\n");
    return data;
}

static void check_long(const char *start, size_t length, char filling, const char *wanted)
{
    char text[DUMP_SIZE];
    size_t total;
    struct error error;
    char *data = file_with_long_row(start, length, filling, &total);
    struct memory_file file = {.data = data, .length = total, .piece = 1000};
    struct csv_reader *reader = csv_reader_open("f", &plain, memory_read, &file, &error);
    assert_non_null(reader);
    if (wanted) {
        dump((struct memory_file){.data = data, .length = total, .piece = SIZE_MAX}, text);
        assert_string_equal(text, wanted);
    } else {
        assert_int_equal(csv_reader_next(reader, &error), CSV_READER_ROW);
        assert_int_equal(strlen(csv_reader_field(reader, 1)), length - strlen(start) - 1);
    }
    csv_reader_close(reader);
    free(data);
}

static void bounds_lines(void **state)
{
    (void)state;
    check_long("1,", CSV_READER_ROW_MAX, 'x', NULL);
    check_long("1,", CSV_READER_ROW_MAX + 1, 'x', "!f:2: the line is longer than 64 KiB;3:3|4;.");
    check_long("1,", 10 * CSV_READER_ROW_MAX, 'x', "!f:2: the line is longer than 64 KiB;3:3|4;.");
    check_long("1,", 10 * CSV_READER_ROW_MAX, '\0', "!f:2: the line is longer than 64 KiB;3:3|4;.");
    check_long("", 10 * CSV_READER_ROW_MAX, ',', "!f:2: the line is longer than 64 KiB;3:3|4;.");
    check_long(" ", 10 * CSV_READER_ROW_MAX, ' ', "!f:2: the line is longer than 64 KiB;3:3|4;.");
}

static void bounds_rows_of_many_lines(void **state)
{
    char text[DUMP_SIZE];
    size_t total;
    (void)state;
    char *data = file_with_long_row("1,\"", 2 * CSV_READER_ROW_MAX, '\n', &total);
    dump((struct memory_file){.data = data, .length = total, .piece = SIZE_MAX}, text);
    assert_string_equal(text, "!f:2: the row that starts here is longer than 64 KiB: a quote that is opened "
                              "may not be closed;131071:3|4;.");
    free(data);
}

/* A header of as many columns as fit. */
static void takes_the_widest_header(void **state)
{
    struct error error;
    size_t column;
    (void)state;
    char *data = malloc(CSV_READER_ROW_MAX);
    assert_non_null(data);
    memset(data, ',', CSV_READER_ROW_MAX);
    data[0] = 'a';
    data[CSV_READER_ROW_MAX - 1] = 'z';
    struct memory_file file = {.data = data, .length = CSV_READER_ROW_MAX, .piece = SIZE_MAX};
    struct csv_reader *reader = csv_reader_open("f", &plain, memory_read, &file, &error);
    assert_non_null(reader);
    assert_true(csv_reader_column(reader, "z", &column, &error));
    assert_int_equal(column, CSV_READER_ROW_MAX - 2);
    csv_reader_close(reader);
    free(data);
}

/* Gives the header, then 'x' for ever. */
static ssize_t read_endless(void *context, void *buffer, size_t size, struct error *error)
{
    (void)error;
    uint64_t *given = context;
    if (*given == 0) {
        memcpy(buffer, "a,b\n", 4);
        *given = 4;
        return 4;
    }
    memset(buffer, 'x', size);
    *given += size;
    return (ssize_t)size;
}

static void refuses_an_endless_line_early(void **state)
{
    uint64_t given = 0;
    struct error error;
    (void)state;
    struct csv_reader *reader = csv_reader_open("f", &plain, read_endless, &given, &error);
    assert_non_null(reader);
    assert_int_equal(csv_reader_next(reader, &error), CSV_READER_BAD_ROW);
    assert_string_equal(error.text, "f:2: the line is longer than 64 KiB");
    assert_true(given <= 2 * CSV_READER_ROW_MAX);
    csv_reader_close(reader);
}

static ssize_t read_broken(void *context, void *buffer, size_t size, struct error *error)
{
    int *reads = context;
    if ((*reads)++ == 0) {
        assert_true(size > 8);
        memcpy(buffer, "a,b\n1,2\n", 8);
        return 8;
    }
    error_set(error, "no disk");
    return -1;
}

static void reports_a_file_that_cannot_be_read(void **state)
{
    int reads = 0;
    struct error error;
    (void)state;
    struct csv_reader *reader = csv_reader_open("f", &plain, read_broken, &reads, &error);
    assert_non_null(reader);
    assert_int_equal(csv_reader_next(reader, &error), CSV_READER_ROW);
    assert_int_equal(csv_reader_next(reader, &error), CSV_READER_FAILED);
    assert_string_equal(error.text, "f: no disk");
    csv_reader_close(reader);
    assert_null(csv_reader_open("f", &plain, read_broken, &reads, &error));
    assert_string_equal(error.text, "f: no disk");
}

/* ---- columns ---- */

static void finds_columns(void **state)
{
    struct memory_file file = MEMORY_FILE("\n one,\"two\nlines\",three,one\n");
    struct error error;
    size_t column = 99;
    (void)state;
    struct csv_reader *reader = csv_reader_open("f", &plain, memory_read, &file, &error);
    assert_non_null(reader);
    assert_true(csv_reader_column(reader, "three", &column, &error));
    assert_int_equal(column, 2);
    assert_true(csv_reader_column(reader, "two\nlines", &column, &error));
    assert_int_equal(column, 1);
    assert_false(csv_reader_column(reader, "four", &column, &error));
    assert_string_equal(error.text, "f:2: there is no column 'four'; there are: one, two\nlines, three, one");
    assert_false(csv_reader_column(reader, "one", &column, &error));
    assert_string_equal(error.text, "f:2:4 (one): the column is there twice, also as field 1");
    csv_reader_close(reader);
}

static void cuts_a_long_list_of_columns(void **state)
{
    char header[2000];
    struct error error;
    size_t column, length = 0;
    (void)state;
    for (int i = 0; i < 200; i++)
        length += (size_t)sprintf(header + length, "%scolumn%d", i ? "," : "", i);
    struct memory_file file = {.data = header, .length = length, .piece = SIZE_MAX};
    struct csv_reader *reader = csv_reader_open("f", &plain, memory_read, &file, &error);
    assert_non_null(reader);
    assert_false(csv_reader_column(reader, "x", &column, &error));
    assert_contains(error.text, "there are: column0, column1, ");
    assert_string_equal(error.text + strlen(error.text) - 3, "...");
    csv_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_rows_and_errors),
        cmocka_unit_test(leaves_out_row_names),
        cmocka_unit_test(bounds_lines),
        cmocka_unit_test(bounds_rows_of_many_lines),
        cmocka_unit_test(takes_the_widest_header),
        cmocka_unit_test(refuses_an_endless_line_early),
        cmocka_unit_test(reports_a_file_that_cannot_be_read),
        cmocka_unit_test(finds_columns),
        cmocka_unit_test(cuts_a_long_list_of_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
