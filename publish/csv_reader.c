#include "csv_reader.h"

#include <csv.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row's fields, one after the other, each with a NUL, and where each starts. A separator is as long as a
 * NUL, so a row of the greatest length fits. */
struct fields {
    char text[CSV_READER_ROW_MAX + 1];
    uint32_t offsets[CSV_READER_ROW_MAX + 1];
    size_t length, count;
};

struct csv_reader {
    const char *file;
    const struct csv_layout *layout;
    csv_reader_source *source;
    void *context;
    struct csv_parser parser;

    char buffer[CSV_READER_ROW_MAX + 1]; /* the longest line, and one byte to notice a longer one */
    size_t start, end;                   /* what is in buffer and not yet parsed */
    bool at_end;                         /* the source has no more */
    bool after_cr; /* the last line ended with CR: an LF that comes alone now belongs to it */
    bool skipping; /* in the rest of a line that was too long */
    uint64_t line; /* number of the line at start */
    uint64_t bytes;

    /* The current row. */
    uint64_t row_line;
    size_t row_bytes;
    bool complete;
    size_t unnamed; /* fields at its beginning that the header does not name and that were dropped */
    bool has_nul;   /* a NUL byte, in nul_column */
    size_t nul_column;
    struct fields row;

    const char **names; /* the header's fields; the strings lie behind the pointers */
    bool *wanted;       /* as many: which are kept, once `chosen` says that any was asked for */
    size_t name_count;
    bool chosen;
    char other_separator; /* that the header seems to have; 0: none */
};

/* ---- messages ---- */

static bool row_error(const struct csv_reader *reader, struct error *error, const char *text)
{
    return error_set(error, "%s:%" PRIu64 ": %s", reader->file, reader->row_line, text);
}

bool csv_reader_error(const struct csv_reader *reader, size_t column, struct error *error, const char *format,
                      ...)
{
    char text[512];
    bool named = column < reader->name_count;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t field = reader->unnamed + column + 1;
    return error_set(error, "%s:%" PRIu64 ":%zu%s%.60s%s: %s", reader->file, reader->row_line, field,
                     named ? " (" : "", named ? reader->names[column] : "", named ? ")" : "", text);
}

/* ---- what libcsv calls ---- */

static void on_field(void *field, size_t length, void *context)
{
    struct csv_reader *reader = context;
    struct fields *row = &reader->row;
    if (reader->names && reader->layout->row_names && reader->unnamed == 0) {
        reader->unnamed = 1;
        return;
    }
    if (!reader->has_nul && memchr(field, '\0', length)) {
        reader->has_nul = true;
        reader->nul_column = row->count;
    }
    size_t column = row->count++;
    if (reader->chosen && (column >= reader->name_count || !reader->wanted[column]))
        return;
    row->offsets[column] = (uint32_t)row->length;
    memcpy(row->text + row->length, field, length);
    row->length += length;
    row->text[row->length++] = '\0';
}

static void on_row(int terminator, void *context)
{
    struct csv_reader *reader = context;
    (void)terminator;
    reader->complete = true;
}

static unsigned char separator(const struct csv_reader *reader)
{
    return reader->layout->separator ? (unsigned char)reader->layout->separator : ',';
}

/* Whatever state a broken row left the parser in: the next line starts a row. */
static void reset_parser(struct csv_reader *reader)
{
    csv_free(&reader->parser);
    csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_blk_size(&reader->parser, 4096);
    csv_set_delim(&reader->parser, separator(reader));
}

/* ---- lines ---- */

/* Moves what is left to the front and reads more behind it. */
static bool fill(struct csv_reader *reader, struct error *error)
{
    memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
    reader->end -= reader->start;
    reader->start = 0;
    ssize_t count = reader->source(reader->context, reader->buffer + reader->end,
                                   sizeof reader->buffer - reader->end, error);
    if (count < 0)
        return error_set(error, "%s: %s", reader->file, error->text);
    reader->at_end = count == 0;
    reader->end += (size_t)count;
    return true;
}

enum line_result { LINE_WHOLE, LINE_LAST, LINE_NONE, LINE_TOO_LONG, LINE_FAILED };

/* Finds the line at reader->start and its length, terminator included: LF, CR LF or CR. */
static enum line_result find_line(struct csv_reader *reader, size_t *length, struct error *error)
{
    size_t scanned = 0;
    for (;;) {
        const char *at = reader->buffer + reader->start;
        size_t available = reader->end - reader->start;
        const char *lf = memchr(at + scanned, '\n', available - scanned);
        const char *cr = memchr(at + scanned, '\r', lf ? (size_t)(lf - at) - scanned : available - scanned);
        if (lf || cr) {
            bool crlf = cr && cr + 1 == lf;
            *length = (size_t)((cr && !crlf ? cr : lf) - at) + 1;
            return LINE_WHOLE;
        }
        scanned = available;
        if (available == sizeof reader->buffer)
            return LINE_TOO_LONG;
        if (reader->at_end) {
            *length = available;
            return available ? LINE_LAST : LINE_NONE;
        }
        if (!fill(reader, error))
            return LINE_FAILED;
    }
}

static void use_up(struct csv_reader *reader, size_t length)
{
    reader->start += length;
    reader->bytes += length;
}

static void next_line(struct csv_reader *reader, size_t length)
{
    const char *line = reader->buffer + reader->start;
    bool rest_of_crlf = reader->after_cr && length == 1 && *line == '\n';
    if (!rest_of_crlf)
        reader->line++;
    reader->after_cr = line[length - 1] == '\r';
    use_up(reader, length);
}

/* Drops the rest of a line that was too long, in pieces. */
static bool skip_line(struct csv_reader *reader, struct error *error)
{
    size_t length;
    for (;;)
        switch (find_line(reader, &length, error)) {
        case LINE_TOO_LONG:
            use_up(reader, reader->end - reader->start);
            break;
        case LINE_WHOLE:
        case LINE_LAST:
            next_line(reader, length);
            reader->skipping = false;
            return true;
        case LINE_NONE:
            reader->skipping = false;
            return true;
        case LINE_FAILED:
            return false;
        }
}

static bool is_blank(const char *line, size_t length)
{
    size_t i = 0;
    while (i < length && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r' || line[i] == '\n'))
        i++;
    return i == length;
}

static bool check_encoding(struct csv_reader *reader, size_t *length, struct error *error)
{
    const char *line = reader->buffer + reader->start;
    if (*length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        use_up(reader, 3);
        *length -= 3;
    } else if (*length >= 2 && (memcmp(line, "\xff\xfe", 2) == 0 || memcmp(line, "\xfe\xff", 2) == 0)) {
        return error_set(error, "%s:1: the file is in UTF-16: convert it to UTF-8 first", reader->file);
    }
    return true;
}

/* ---- rows ---- */

/* Looks whether another character than the separator is what separates the header's fields. */
static void look_for_separator(struct csv_reader *reader, const char *line, size_t length)
{
    static const char usual[] = ",;\t|";
    size_t counts[sizeof usual - 1] = {0}, most = 0;
    for (size_t i = 0; i < length; i++) {
        const char *at = memchr(usual, line[i], sizeof usual - 1);
        if (line[i] == (char)separator(reader))
            most++;
        else if (at)
            counts[at - usual]++;
    }
    for (size_t i = 0; i < sizeof usual - 1; i++)
        if (counts[i] > most) {
            most = counts[i];
            reader->other_separator = usual[i];
        }
}

enum { HINT_SIZE = 80 };

/* What to do about it, to be put behind a message; empty where there is nothing to say. */
static const char *separator_hint(const struct csv_reader *reader, char text[static HINT_SIZE])
{
    char other = reader->other_separator;
    if (other == '\t')
        snprintf(text, HINT_SIZE, " (tabs seem to separate the fields: give --separator tab)");
    else if (other)
        snprintf(text, HINT_SIZE, " ('%c' seems to separate the fields: give --separator '%c')", other,
                 other);
    else
        text[0] = '\0';
    return text;
}

static enum csv_reader_result bad_row(struct csv_reader *reader, struct error *error, const char *text)
{
    row_error(reader, error, text);
    reset_parser(reader);
    return CSV_READER_BAD_ROW;
}

static enum csv_reader_result too_long(struct csv_reader *reader, struct error *error)
{
    if (reader->line == reader->row_line)
        return bad_row(reader, error, "the line is longer than 64 KiB");
    return bad_row(
        reader, error,
        "the row that starts here is longer than 64 KiB: a quote that is opened may not be closed");
}

static enum csv_reader_result parse_error(struct csv_reader *reader, struct error *error)
{
    if (csv_error(&reader->parser) != CSV_EPARSE) {
        error_set(error, "%s:%" PRIu64 ": %s", reader->file, reader->line,
                  csv_strerror(csv_error(&reader->parser)));
        return CSV_READER_FAILED;
    }
    char hint[HINT_SIZE];
    csv_reader_error(
        reader, reader->row.count, error,
        "a quote is out of place: a field with quotes is quoted as a whole, and a quote in it is doubled%s",
        reader->names ? "" : separator_hint(reader, hint));
    reset_parser(reader);
    return CSV_READER_BAD_ROW;
}

#define ROW_NAME_HINT                                                                                        \
    " (where each row begins with a name or number that the header leaves out, give --row-names)"

/* The row's terminator, or the end of the file, has been seen. */
static enum csv_reader_result finish_row(struct csv_reader *reader, struct error *error)
{
    size_t count = reader->row.count, wanted = reader->name_count, unnamed = reader->unnamed;
    const char *hint = unnamed ? " and the row's name" : count == wanted + 1 ? ROW_NAME_HINT : "";
    if (reader->has_nul)
        csv_reader_error(reader, reader->nul_column, error, "a NUL byte");
    else if (reader->names && count < wanted)
        csv_reader_error(reader, count, error, "missing: the row has %zu of %zu fields", count + unnamed,
                         wanted + unnamed);
    else if (reader->names && count > wanted)
        csv_reader_error(reader, wanted, error, "too many fields: the row has %zu, the header %zu%s",
                         count + unnamed, wanted, hint);
    else
        return CSV_READER_ROW;
    return CSV_READER_BAD_ROW;
}

static void begin_row(struct csv_reader *reader)
{
    reader->row_line = reader->line;
    reader->row_bytes = 0;
    reader->complete = false;
    reader->has_nul = false;
    reader->unnamed = 0;
    reader->row.count = 0;
    reader->row.length = 0;
}

static enum csv_reader_result finish_file(struct csv_reader *reader, struct error *error)
{
    if (reader->row_bytes == 0)
        return CSV_READER_END;
    if (csv_fini(&reader->parser, on_field, on_row, reader) != 0)
        return bad_row(reader, error,
                       "a quote that is opened in this row is not closed before the end of the file");
    return finish_row(reader, error);
}

/* Reads one row: a line, or several where a quoted field has line breaks. */
static enum csv_reader_result next_row(struct csv_reader *reader, struct error *error)
{
    size_t length;
    begin_row(reader);
    for (;;) {
        enum line_result found = find_line(reader, &length, error);
        if (found == LINE_FAILED)
            return CSV_READER_FAILED;
        if (found == LINE_NONE)
            return finish_file(reader, error);
        if (found == LINE_TOO_LONG) {
            enum csv_reader_result result = too_long(reader, error);
            reader->skipping = true;
            return result;
        }
        if (reader->bytes == 0 && !check_encoding(reader, &length, error))
            return CSV_READER_FAILED;
        if (length == 0)
            continue; /* nothing but a byte order mark */
        const char *line = reader->buffer + reader->start;
        if (reader->row_bytes == 0 && is_blank(line, length)) {
            next_line(reader, length);
            begin_row(reader);
            continue;
        }
        if (reader->row_bytes + length > CSV_READER_ROW_MAX) {
            enum csv_reader_result result = too_long(reader, error);
            next_line(reader, length);
            return result;
        }
        if (!reader->names)
            look_for_separator(reader, line, length);
        size_t parsed = csv_parse(&reader->parser, line, length, on_field, on_row, reader);
        if (parsed != length) {
            enum csv_reader_result result = parse_error(reader, error);
            next_line(reader, length);
            return result;
        }
        reader->row_bytes += length;
        next_line(reader, length);
        if (reader->complete)
            return finish_row(reader, error);
    }
}

enum csv_reader_result csv_reader_next(struct csv_reader *reader, struct error *error)
{
    if (reader->skipping && !skip_line(reader, error))
        return CSV_READER_FAILED;
    return next_row(reader, error);
}

const char *csv_reader_field(const struct csv_reader *reader, size_t column)
{
    return reader->row.text + reader->row.offsets[column];
}

uint64_t csv_reader_bytes(const struct csv_reader *reader)
{
    return reader->bytes;
}

/* ---- the header ---- */

static bool keep_names(struct csv_reader *reader)
{
    const struct fields *row = &reader->row;
    const char **names = malloc(row->count * sizeof *names + row->length);
    if (!names)
        return false;
    char *text = memcpy(names + row->count, row->text, row->length);
    for (size_t i = 0; i < row->count; i++)
        names[i] = text + row->offsets[i];
    reader->names = names;
    reader->name_count = row->count;
    reader->wanted = calloc(row->count, sizeof *reader->wanted);
    return reader->wanted != NULL;
}

struct csv_reader *csv_reader_open(const char *file, const struct csv_layout *layout,
                                   csv_reader_source *source, void *context, struct error *error)
{
    struct csv_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        error_set(error, "out of memory");
        return NULL;
    }
    reader->file = file;
    reader->layout = layout;
    reader->source = source;
    reader->context = context;
    reader->line = 1;
    csv_init(&reader->parser, 0);
    reset_parser(reader);
    bool ok = false;
    switch (next_row(reader, error)) {
    case CSV_READER_ROW:
        ok = keep_names(reader) || error_set(error, "out of memory");
        break;
    case CSV_READER_END:
        error_set(error, "%s: the file is empty: its first line should name the columns", file);
        break;
    case CSV_READER_BAD_ROW:
    case CSV_READER_FAILED:
        break;
    }
    if (ok)
        return reader;
    csv_reader_close(reader);
    return NULL;
}

void csv_reader_close(struct csv_reader *reader)
{
    csv_free(&reader->parser);
    free(reader->wanted);
    free(reader->names);
    free(reader);
}

bool csv_reader_column(struct csv_reader *reader, const char *name, size_t *column, struct error *error)
{
    size_t length = 0;
    bool found = false;
    char list[512] = "";
    for (size_t i = 0; i < reader->name_count; i++) {
        if (length < sizeof list)
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "",
                                       reader->names[i]);
        if (strcmp(reader->names[i], name) != 0)
            continue;
        if (found)
            return csv_reader_error(reader, i, error, "the column is there twice, also as field %zu",
                                    *column + 1);
        *column = i;
        found = true;
    }
    char hint[HINT_SIZE];
    if (!found)
        return error_set(error, "%s:%" PRIu64 ": there is no column '%s'; there are: %s%s%s", reader->file,
                         reader->row_line, name, list, length < sizeof list ? "" : "...",
                         separator_hint(reader, hint));
    reader->wanted[*column] = reader->chosen = true;
    return true;
}

bool csv_reader_has_column(const struct csv_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->name_count; i++)
        if (strcmp(reader->names[i], name) == 0)
            return true;
    return false;
}
