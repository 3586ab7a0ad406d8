/* The readings of a CSV file: each row is one instant, with a value for each selected column. One thread. */
#ifndef ROOMSTREAM_PUBLISH_READINGS_H
#define ROOMSTREAM_PUBLISH_READINGS_H

#include "columns.h"
#include "core/error.h"
#include "core/recorded_time.h"
#include "csv_reader.h"
#include "number.h"
#include "time_format.h"

/* Which rows of the file. Zero-initialized: all. */
struct row_range {
    int64_t first, last; /* by number, from 1; 0: no bound */
    bool has_from, has_until;
    int64_t from, until; /* by recorded time: from <= time < until, ns since 1970-01-01 */
};

struct readings_settings {
    const char *date_column; /* NULL: the time column has the date as well */
    const char *time_column, *occupancy_column;
    const struct columns *columns;
    struct csv_layout layout;
    bool decimal_comma;      /* numbers have a comma where others have a point */
    int64_t earliest;        /* ns since 1970-01-01: a row recorded before is a bad one */
    bool skip_bad;           /* count bad rows instead of failing */
    bool occupancy_optional; /* where the column is missing, readings have no occupancy */
    struct time_format time_format;
    struct row_range range;
};

struct reading {
    struct recorded_time time;
    struct number occupancy; /* length 0: not known */
    struct number *values; /* one a column, in the order of the settings' columns; valid until the next row */
};

enum readings_result { READINGS_ROW, READINGS_END, READINGS_FAILED };

struct readings;

/* Reads the header and finds the columns. `file` is what messages call the file; everything pointed to
 * outlives the readings. NULL with *error when that fails. */
struct readings *readings_open(const char *file, csv_reader_source *source, void *context,
                               const struct readings_settings *settings, struct error *error);
void readings_close(struct readings *readings);

/* Reads the header again, once the source has gone back to the beginning of the file; the counts below
 * continue. False with *error, as readings_open. */
bool readings_rewind(struct readings *readings, struct error *error);

/* Reads the next row of the range into *reading, which is to be zero-initialized before the first one. A row
 * of which any field that is needed is wrong is bad as a whole: it fails with *error, or, with skip_bad, is
 * logged (the first few) and counted. Time that goes back is logged once. */
enum readings_result readings_next(struct readings *readings, struct reading *reading, struct error *error);

/* The number of the current row in the file, from 1; bad ones count, the header does not. */
uint64_t readings_row(const struct readings *readings);

/* Formats a complaint about the time of the current row, with its place. Returns false. */
bool readings_error(const struct readings *readings, struct error *error, const char *text);

/* Rows read so far, without the bad ones; bad rows skipped; bytes of the file used up since its beginning. */
uint64_t readings_rows(const struct readings *readings);
uint64_t readings_bad_rows(const struct readings *readings);
uint64_t readings_bytes(const struct readings *readings);

#endif
