#include "replay_options.h"

#include "core/out_of_memory.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SPEED "30"
#define DEFAULT_TIME_COLUMNS "Date,Time"
#define DEFAULT_OCCUPANCY_COLUMN "Room_Occupancy_Count"

#define FIELD(name) offsetof(struct replay_options, name)

static const struct option_spec replay_specs[] = {
    OPT_TEXT(
        0, "file", FIELD(settings.file), "FILE",
        "the file to replay, '-' for standard input, also packed by gzip; without it data/occupancy.csv, or else data/occupancy-sample.csv"),
    OPT_TEXT(0, "separator", FIELD(separator), "CHARACTER",
             "what separates the fields of a row: a character, or 'tab'", .fallback = ","),
    OPT_FLAG(0, "decimal-comma", FIELD(settings.readings.decimal_comma),
             "numbers have a comma in place of the point, as in 21,5"),
    OPT_FLAG(0, "row-names", FIELD(settings.readings.layout.row_names),
             "each row begins with one more field that the header does not name, as R writes it"),
    OPT_LIST(
        0, "column", FIELD(column_texts), "NAME:NODE",
        "column to publish and the number of the node that it belongs to; several with commas, or several times"),
    OPT_LIST(0, "nodes", FIELD(node_texts), "LIST", "only these nodes, e.g. 1,3"),
    OPT_TEXT(0, "time-column", FIELD(time_columns), "NAME",
             "column with the time at which a row was recorded, or two, DATE,TIME",
             .fallback = DEFAULT_TIME_COLUMNS),
    OPT_TEXT(
        0, "time-format", FIELD(time_format), "FORMAT",
        "how the time is written: iso (ISO 8601, RFC 3339; also with / and without a zone), "
        "unix or unix-ms (seconds or milliseconds since 1970), or a pattern of strptime(3), with %f for decimals, "
        "as '%d.%m.%Y %H:%M:%S.%f'; two columns are read with a blank between",
        .fallback = "iso"),
    OPT_TEXT(0, "occupancy-column", FIELD(settings.readings.occupancy_column), "NAME",
             "column with the count of people; a file without the default one is replayed without",
             .fallback = DEFAULT_OCCUPANCY_COLUMN),
    OPT_TEXT(
        0, "from", FIELD(from), "ROW",
        "begin with that row, counted from 1; or, given a time as 2017-12-24 or 2017-12-24T08:30, with rows recorded then or later"),
    OPT_TEXT(0, "until", FIELD(until), "ROW",
             "end with that row; or take only rows recorded before that time"),
    OPT_REAL(0, "speed", FIELD(pace.speed), "X", DEFAULT_SPEED, RANGE(1e-6, 1e9),
             "X seconds of recorded time in one second"),
    OPT_DURATION(
        0, "max-gap", FIELD(pace.max_gap), "10m", ANY,
        "longer recorded pauses between two rows are cut to this, 0 for never: the data set has one of 15 days, "
        "which would still be 12 hours at --speed 30"),
    OPT_REAL(0, "rate", FIELD(pace.rate), "N", "0", RANGE(0, 1e9),
             "N messages a second, whatever the recorded times; 0 for as recorded"),
    OPT_FLAG(0, "fast", FIELD(fast), "as fast as the broker acknowledges"),
    OPT_DURATION(
        0, "jitter", FIELD(pace.jitter), "0", RANGE(0, 86400),
        "send each message up to that much later than it is due, drawn by --seed; the order is kept"),
    OPT_INTEGER(0, "loop", FIELD(settings.loops), "N", "1", RANGE(0, 9e15),
                "replay the file N times, 0 without end"),
    OPT_FLAG(
        0, "restamp", FIELD(restamp),
        "shift the recorded times so that the first is the time of the start, in UTC; each loop continues them"),
    OPT_INTEGER(0, "limit", FIELD(settings.limit), "N", "0", RANGE(0, 9e15),
                "end after N messages, 0 for all"),
    OPT_LIST(
        0, "fault", FIELD(fault_texts), "LIST",
        "simulate what sensors do, each KIND=RATE for that part of the readings, as missing=0.01: missing, "
        "stuck=RATE:READINGS (default 10 each time), spike=RATE:FACTOR (default 10 times the value is added or taken away), "
        "double, late=RATE:READINGS (default 3 readings later); marked by the user properties fault=KIND and missing=COUNT"),
    OPT_INTEGER(0, "seed", FIELD(settings.faults.seed), "N", "1", ANY,
                "number from which faults and jitter are drawn: the same one draws the same"),
    OPT_FLAG(0, "skip-bad", FIELD(settings.readings.skip_bad), "count rows that are wrong and skip them"),
    OPT_FLAG(0, "quiet", FIELD(quiet), "do not show progress"),
    OPT_TEXT(
        0, "resume", FIELD(resume), "FILE",
        "keep in FILE how far the replay has come, and continue there when started again: after a kill nothing is missing, "
        "and at most --window messages are doubled; at QoS 0 nothing can be promised"),
    OPT_TEXT(0, "summary", FIELD(summary), "FILE",
             "at the end, write the counts into FILE as key=value lines"),
};

struct option_group replay_options(struct replay_options *options)
{
    return OPTION_GROUP("Replay", "replay", replay_specs, options);
}

/* A speed equal to the default counts as not given: a file made by --print-config has it. */
static bool speed_wanted(const struct replay_options *options)
{
    return options->pace.speed != strtod(DEFAULT_SPEED, NULL);
}

static void check_pace(const struct program *program, struct replay_options *options)
{
    bool rate = options->pace.rate > 0;
    if (options->fast && rate)
        options_wrong(program, "--fast and --rate exclude each other");
    if ((options->fast || rate) && speed_wanted(options))
        options_wrong(program, "--speed and %s exclude each other", rate ? "--rate" : "--fast");
    if (options->fast && options->pace.jitter > 0)
        options_wrong(program, "--fast and --jitter exclude each other");
    options->pace.mode = options->fast ? PACE_FAST : rate ? PACE_RATE : PACE_RECORDED;
    options->pace.seed = options->settings.faults.seed;
}

static void check_faults(const struct program *program, struct replay_options *options)
{
    struct error error;
    if (!fault_settings_parse(&options->fault_texts, &options->settings.faults, &error))
        options_wrong(program, "%s", error.text);
}

static void check_columns(const struct program *program, struct replay_options *options)
{
    struct error error;
    if (options->column_texts.count == 0)
        options_wrong(program, "name the columns to publish with --column NAME:NODE");
    if (!columns_parse(&options->column_texts, &options->columns, &error) ||
        !columns_select(&options->columns, &options->node_texts, &error))
        options_wrong(program, "%s", error.text);
}

static void check_separator(const struct program *program, struct replay_options *options)
{
    const char *text = strcmp(options->separator, "tab") == 0 ? "\t" : options->separator;
    if (strlen(text) != 1 || strchr("\"\r\n.+-", *text) || isalnum((unsigned char)*text) || *text & 0x80)
        options_wrong(program,
                      "--separator: '%s' cannot separate numbers: it is one character such as ';', or 'tab'",
                      options->separator);
    options->settings.readings.layout.separator = *text;
}

/* NAME or DATE,TIME. */
static void check_time(const struct program *program, struct replay_options *options)
{
    struct readings_settings *readings = &options->settings.readings;
    const char *comma = strchr(options->time_columns, ',');
    struct error error;
    readings->time_column = options->time_columns;
    if (comma) {
        options->date_column = strndup(options->time_columns, (size_t)(comma - options->time_columns));
        if (!options->date_column)
            out_of_memory(strlen(options->time_columns) + 1);
        readings->date_column = options->date_column;
        readings->time_column = comma + 1;
    }
    if (!time_format_parse(options->time_format, &readings->time_format, &error))
        options_wrong(program, "%s", error.text);
    readings->occupancy_optional = strcmp(readings->occupancy_column, DEFAULT_OCCUPANCY_COLUMN) == 0;
}

/* A row's number, or else a time. */
static void read_bound(const struct program *program, const char *name, const char *text, int64_t *row,
                       bool *has_time, int64_t *time)
{
    bool utc;
    if (!text || (text_to_integer(text, row) && *row >= 1))
        return;
    *row = 0;
    *has_time = true;
    if (!recorded_iso(text, time, &utc))
        options_wrong(program,
                      "--%s: '%s' is neither the number of a row, from 1, nor a time as 2017-12-24T08:30",
                      name, text);
}

static void check_range(const struct program *program, struct replay_options *options)
{
    struct row_range *range = &options->settings.readings.range;
    read_bound(program, "from", options->from, &range->first, &range->has_from, &range->from);
    read_bound(program, "until", options->until, &range->last, &range->has_until, &range->until);
    if ((range->last > 0 && range->first > range->last) ||
        (range->has_from && range->has_until && range->from >= range->until))
        options_wrong(program, "nothing lies from '%s' until '%s'", options->from, options->until);
}

void replay_options_check(const struct program *program, struct replay_options *options)
{
    check_pace(program, options);
    check_columns(program, options);
    check_separator(program, options);
    check_time(program, options);
    check_range(program, options);
    check_faults(program, options);
    options->settings.readings.columns = &options->columns;
}
