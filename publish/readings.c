#include "readings.h"

#include "core/clock.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD_ROWS_LOGGED = 5 };

struct readings {
    const char *file;
    csv_reader_source *source;
    void *context;
    const struct readings_settings *settings;
    struct csv_reader *csv;
    size_t date, time, occupancy; /* column numbers in the file */
    bool has_occupancy;
    size_t *columns;
    struct number *values;
    uint64_t rows, bad_rows;
    uint64_t row; /* in this pass over the file */
    /* Rows of one day follow each other: its date is worked out once. */
    char day[RECORDED_DATE_LENGTH + 1];
    int64_t day_start;
    bool any_time;     /* in this pass over the file */
    int64_t last_time; /* then: of the row before */
    bool went_back;
};

static bool find_columns(struct readings *readings, struct error *error)
{
    const struct readings_settings *settings = readings->settings;
    struct csv_reader *csv = readings->csv;
    readings->has_occupancy =
        !settings->occupancy_optional || csv_reader_has_column(csv, settings->occupancy_column);
    if ((settings->date_column && !csv_reader_column(csv, settings->date_column, &readings->date, error)) ||
        !csv_reader_column(csv, settings->time_column, &readings->time, error) ||
        (readings->has_occupancy &&
         !csv_reader_column(csv, settings->occupancy_column, &readings->occupancy, error)))
        return false;
    for (size_t i = 0; i < settings->columns->count; i++)
        if (!csv_reader_column(csv, settings->columns->items[i].name, &readings->columns[i], error))
            return false;
    return true;
}

struct readings *readings_open(const char *file, csv_reader_source *source, void *context,
                               const struct readings_settings *settings, struct error *error)
{
    struct readings *readings = calloc(1, sizeof *readings);
    size_t count = settings->columns->count;
    if (!readings) {
        error_set(error, "out of memory");
        return NULL;
    }
    readings->file = file;
    readings->source = source;
    readings->context = context;
    readings->settings = settings;
    readings->columns = calloc(count, sizeof *readings->columns);
    readings->values = calloc(count, sizeof *readings->values);
    if (!readings->columns || !readings->values)
        error_set(error, "out of memory");
    else if (readings_rewind(readings, error))
        return readings;
    readings_close(readings);
    return NULL;
}

bool readings_rewind(struct readings *readings, struct error *error)
{
    struct csv_reader *csv = csv_reader_open(readings->file, &readings->settings->layout, readings->source,
                                             readings->context, error);
    if (!csv)
        return false;
    if (readings->csv)
        csv_reader_close(readings->csv);
    readings->csv = csv;
    readings->row = 0;
    readings->any_time = false;
    return find_columns(readings, error);
}

void readings_close(struct readings *readings)
{
    if (readings->csv)
        csv_reader_close(readings->csv);
    free(readings->columns);
    free(readings->values);
    free(readings);
}

static bool parse_number(const struct readings *readings, size_t column, struct number *number,
                         struct error *error)
{
    const char *text = csv_reader_field(readings->csv, column);
    bool comma = readings->settings->decimal_comma;
    if (number_parse(text, comma ? ',' : '.', number))
        return true;
    if (*text == '\0')
        return csv_reader_error(readings->csv, column, error, "empty, where a number is wanted");
    const char *hint = "";
    if (number_parse(text, comma ? '.' : ',', number))
        hint = comma ? " (it has a point, which --decimal-comma does not take)"
                     : " (--decimal-comma takes a comma in place of the point)";
    return csv_reader_error(readings->csv, column, error,
                            "'%.80s' is not a finite decimal number of up to %d characters%s", text,
                            NUMBER_MAX, hint);
}

/* The usual file has a date and a clock. */
static bool read_date_and_clock(struct readings *readings, int64_t *ns, struct error *error)
{
    const char *date = csv_reader_field(readings->csv, readings->date),
               *clock = csv_reader_field(readings->csv, readings->time);
    if (strcmp(date, readings->day) != 0) {
        if (!recorded_date(date, &readings->day_start)) {
            readings->day[0] = '\0';
            return csv_reader_error(readings->csv, readings->date, error,
                                    "'%.80s' is not a date as in 2017/12/22, from 1678 to 2261", date);
        }
        memcpy(readings->day, date, sizeof readings->day);
    }
    if (!recorded_clock(clock, ns))
        return csv_reader_error(readings->csv, readings->time, error, "'%.80s' is not a time as in 10:49:41",
                                clock);
    *ns += readings->day_start;
    return true;
}

/* Any other: a column, or two with a blank between. */
static bool read_time(const struct readings *readings, int64_t *ns, bool *utc, struct error *error)
{
    const struct readings_settings *settings = readings->settings;
    const char *text = csv_reader_field(readings->csv, readings->time);
    char both[256];
    bool fits = true;
    if (settings->date_column) {
        int length =
            snprintf(both, sizeof both, "%s %s", csv_reader_field(readings->csv, readings->date), text);
        fits = (size_t)length < sizeof both;
        text = both;
    }
    if (fits && time_format_read(&settings->time_format, text, ns, utc))
        return true;
    return csv_reader_error(readings->csv, readings->time, error,
                            "'%.80s' is not a time as in %.80s, from 1678 to 2261", text,
                            time_format_example(&settings->time_format));
}

static bool parse_time(struct readings *readings, struct reading *reading, struct error *error)
{
    const struct readings_settings *settings = readings->settings;
    int64_t ns;
    bool utc = false;
    if (settings->date_column && settings->time_format.kind == TIME_ISO
            ? !read_date_and_clock(readings, &ns, error)
            : !read_time(readings, &ns, &utc, error))
        return false;
    recorded_time_set(&reading->time, ns, utc);
    if (ns < settings->earliest)
        return csv_reader_error(readings->csv, settings->date_column ? readings->date : readings->time, error,
                                "'%.10s' is too early for this message format", reading->time.date);
    return true;
}

static bool parse_values(struct readings *readings, struct reading *reading, struct error *error)
{
    reading->occupancy.length = 0;
    if (readings->has_occupancy && !parse_number(readings, readings->occupancy, &reading->occupancy, error))
        return false;
    for (size_t i = 0; i < readings->settings->columns->count; i++)
        if (!parse_number(readings, readings->columns[i], &readings->values[i], error))
            return false;
    reading->values = readings->values;
    return true;
}

static bool in_range(const struct row_range *range, int64_t time)
{
    return (!range->has_from || time >= range->from) && (!range->has_until || time < range->until);
}

static void watch_time(struct readings *readings, const struct reading *reading)
{
    if (readings->any_time && reading->time.ns < readings->last_time && !readings->went_back) {
        struct error place;
        csv_reader_error(readings->csv, readings->time, &place, "the recorded time goes back by %.9g s",
                         (double)(readings->last_time - reading->time.ns) / SECOND);
        log_warning(time_goes_back, "%s: such rows are sent without a wait; this is logged once", place.text);
        readings->went_back = true;
    }
    readings->any_time = true;
    readings->last_time = reading->time.ns;
}

static void note_bad_row(struct readings *readings, const struct error *error)
{
    readings->bad_rows++;
    if (readings->bad_rows <= BAD_ROWS_LOGGED)
        log_warning(bad_row, "row skipped: %s", error->text);
    if (readings->bad_rows == BAD_ROWS_LOGGED)
        log_warning(bad_row, "further bad rows are counted only");
}

enum row_result { ROW_TAKEN, ROW_OUT_OF_RANGE, ROW_BAD, ROW_NONE, ROW_FAILED };

static enum row_result next_row(struct readings *readings, struct reading *reading, struct error *error)
{
    const struct row_range *range = &readings->settings->range;
    if (range->last > 0 && readings->row >= (uint64_t)range->last)
        return ROW_NONE;
    enum csv_reader_result result = csv_reader_next(readings->csv, error);
    readings->row++;
    if (result == CSV_READER_FAILED)
        return ROW_FAILED;
    if (result == CSV_READER_END)
        return ROW_NONE;
    if (readings->row < (uint64_t)range->first)
        return ROW_OUT_OF_RANGE;
    if (result == CSV_READER_BAD_ROW || !parse_time(readings, reading, error))
        return ROW_BAD;
    if (!in_range(range, reading->time.ns))
        return ROW_OUT_OF_RANGE;
    return parse_values(readings, reading, error) ? ROW_TAKEN : ROW_BAD;
}

enum readings_result readings_next(struct readings *readings, struct reading *reading, struct error *error)
{
    struct error reason;
    for (;;)
        switch (next_row(readings, reading, &reason)) {
        case ROW_TAKEN:
            watch_time(readings, reading);
            readings->rows++;
            return READINGS_ROW;
        case ROW_OUT_OF_RANGE:
            break;
        case ROW_BAD:
            if (!readings->settings->skip_bad) {
                error_set(error, "%s (--skip-bad skips such rows)", reason.text);
                return READINGS_FAILED;
            }
            note_bad_row(readings, &reason);
            break;
        case ROW_NONE:
            return READINGS_END;
        case ROW_FAILED:
            error_set(error, "%s", reason.text);
            return READINGS_FAILED;
        }
}

uint64_t readings_row(const struct readings *readings)
{
    return readings->row;
}

bool readings_error(const struct readings *readings, struct error *error, const char *text)
{
    return csv_reader_error(readings->csv, readings->time, error, "%s", text);
}

uint64_t readings_rows(const struct readings *readings)
{
    return readings->rows;
}

uint64_t readings_bad_rows(const struct readings *readings)
{
    return readings->bad_rows;
}

uint64_t readings_bytes(const struct readings *readings)
{
    return csv_reader_bytes(readings->csv);
}
