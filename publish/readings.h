/* The readings of a CSV file: each row is one instant, with a value for each selected column. One thread. */
#ifndef ROOMSTREAM_READINGS_H
#define ROOMSTREAM_READINGS_H

#include "columns.h"
#include "csv_reader.h"
#include "error.h"
#include "number.h"
#include "recorded_time.h"

struct readings_settings {
    const char *date_column, *clock_column, *occupancy_column;
    const struct columns *columns;
    int64_t earliest; /* seconds since 1970: a row before is a bad one */
    bool skip_bad;    /* count bad rows and go on instead of failing */
};

struct reading {
    int64_t time; /* seconds since 1970, see recorded_time.h */
    char date[RECORDED_DATE_LENGTH], clock[RECORDED_CLOCK_LENGTH]; /* as in the file, not NUL-terminated */
    struct number occupancy;
    const struct number
        *values; /* one a column, in the order of the settings' columns; valid until the next row */
};

enum readings_result { READINGS_ROW, READINGS_END, READINGS_FAILED };

struct readings;

/* Reads the header and finds the columns. `file` is what messages call the file; everything pointed to
 * outlives the readings. NULL with *error when that fails. */
struct readings *readings_open(const char *file, csv_reader_source *source, void *context,
                               const struct readings_settings *settings, struct error *error);
void readings_close(struct readings *readings);

/* Reads the next row. A row of which any field that is needed is wrong is bad as a whole: it fails with
 * *error, or, with skip_bad, is logged (the first few) and counted. Time that goes back is logged once. */
enum readings_result readings_next(struct readings *readings, struct reading *reading, struct error *error);

/* Rows read so far, without the bad ones; bad rows skipped; bytes of the file used up. */
uint64_t readings_rows(const struct readings *readings);
uint64_t readings_bad_rows(const struct readings *readings);
uint64_t readings_bytes(const struct readings *readings);

#endif
