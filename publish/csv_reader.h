/* A CSV file with a header line, read row by row as a stream (RFC 4180; libcsv parses it, in its strict
 * mode). Memory stays the same however large the file is. One thread. */
#ifndef ROOMSTREAM_PUBLISH_CSV_READER_H
#define ROOMSTREAM_PUBLISH_CSV_READER_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A row, and so a line, is at most this long in bytes, terminators and quotes included. */
enum { CSV_READER_ROW_MAX = 64 * 1024 };

/* Where the bytes come from, like read(2): the count of bytes put into buffer, 0 at the end, -1 with *error.
 */
typedef ssize_t csv_reader_source(void *context, void *buffer, size_t size, struct error *error);

enum csv_reader_result {
    CSV_READER_ROW,
    CSV_READER_END,
    CSV_READER_BAD_ROW, /* the row is not CSV or does not fit the header; the next one can be read */
    CSV_READER_FAILED,  /* the file cannot be read on */
};

/* How the file is written, beside RFC 4180. Zero-initialized: as there. */
struct csv_layout {
    char separator; /* between fields; 0: a comma */
    bool row_names; /* each row begins with one more field, which the header does not name (R writes so) */
};

struct csv_reader;

/* Reads the header line. `file` is what messages call the file; it, the source and the layout outlive the
 * reader. NULL with *error when there is no header or memory is exhausted. */
struct csv_reader *csv_reader_open(const char *file, const struct csv_layout *layout,
                                   csv_reader_source *source, void *context, struct error *error);
void csv_reader_close(struct csv_reader *reader);

/* Finds the column of that name and stores its number, from 0; once one was found, only those that were are
 * kept of the rows that follow. False with *error when it is missing (then the message lists those that are
 * there, and which other separator the header seems to have) or there twice. */
bool csv_reader_column(struct csv_reader *reader, const char *name, size_t *column, struct error *error);

bool csv_reader_has_column(const struct csv_reader *reader, const char *name);

/* Goes to the next row; empty lines are none. With CSV_READER_BAD_ROW and CSV_READER_FAILED, *error says
 * where and why. */
enum csv_reader_result csv_reader_next(struct csv_reader *reader, struct error *error);

/* The field of the current row in that column, one that is kept: NUL-terminated, without NUL bytes, valid
 * until the next row. Spaces around an unquoted field are not part of it. */
const char *csv_reader_field(const struct csv_reader *reader, size_t column);

/* Bytes of the file that have been read and used up. */
uint64_t csv_reader_bytes(const struct csv_reader *reader);

/* Formats a complaint about a column of the current row as FILE:LINE:COLUMN (NAME): TEXT, COLUMN counted
 * from 1. Returns false. */
bool csv_reader_error(const struct csv_reader *reader, size_t column, struct error *error, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

#endif
