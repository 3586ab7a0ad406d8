#include "replay_options.h"

#include "message.h"

#include <stddef.h>

#define AT(field) .offset = offsetof(struct publish_settings, field)

static const struct option_spec replay_specs[] = {
    {.name = "file",
     .kind = OPTION_TEXT,
     .argument = "CSV",
     AT(replay.file),
     .help = "the file to replay, '-' for standard input, also packed by gzip; without it "
             "data/occupancy.csv, or else "
             "data/occupancy-sample.csv"},
    {.name = "column",
     .kind = OPTION_LIST,
     .argument = "NAME:NODE",
     AT(column_texts),
     .help = "column to publish and the number of the node that it belongs to; several with commas, or "
             "several times"},
    {.name = "nodes",
     .kind = OPTION_LIST,
     .argument = "LIST",
     AT(node_texts),
     .help = "only these nodes, e.g. 1,3"},
    {.name = "speed",
     .kind = OPTION_REAL,
     .argument = "X",
     .fallback = "30",
     .minimum = 1e-6,
     .maximum = 1e9,
     AT(pace.speed),
     .help = "X seconds of recorded time in one second"},
    {.name = "max-gap",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "10m",
     AT(pace.max_gap),
     .help = "longer recorded pauses between two rows are cut to this, 0 for never: the data set has one of "
             "15 days, "
             "which would still be 12 hours at --speed 30"},
    {.name = "rate",
     .kind = OPTION_REAL,
     .argument = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 1e9,
     AT(pace.rate),
     .help = "N messages a second, whatever the recorded times; 0 for as recorded"},
    {.name = "fast", .kind = OPTION_FLAG, AT(fast), .help = "as fast as the broker acknowledges"},
    {.name = "loop",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .fallback = "1",
     .minimum = 0,
     .maximum = 9e15,
     AT(replay.loops),
     .help = "replay the file N times, 0 for ever"},
    {.name = "restamp",
     .kind = OPTION_FLAG,
     AT(restamp),
     .help = "shift the recorded times so that the first is the time of the start, in UTC; they go on from "
             "loop to loop"},
    {.name = "limit",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 9e15,
     AT(replay.limit),
     .help = "end after N messages, 0 for all"},
    {.name = "fault",
     .kind = OPTION_LIST,
     .argument = "LIST",
     AT(fault_texts),
     .help =
         "simulate what sensors do, each KIND=RATE for that part of the readings, as missing=0.01: missing, "
         "stuck=RATE:READINGS (default 10 each time), spike=RATE:FACTOR (default 10 times the value is "
         "added or taken away), double, late=RATE:READINGS (default 3 readings later); marked by the user "
         "properties fault=KIND and missing=COUNT"},
    {.name = "seed",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .fallback = "1",
     AT(replay.faults.seed),
     .help = "number from which faults are drawn: the same one draws the same"},
    {.name = "skip-bad",
     .kind = OPTION_FLAG,
     AT(replay.readings.skip_bad),
     .help = "count rows that are wrong and go on without them"},
    {.name = "quiet", .kind = OPTION_FLAG, AT(quiet), .help = "do not show progress"},
    {.name = "summary",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     AT(summary),
     .help = "at the end, write the counts into FILE as key=value lines"},
};

struct option_group replay_options(struct publish_settings *settings)
{
    return (struct option_group){"Replay", "replay", replay_specs, sizeof replay_specs / sizeof *replay_specs,
                                 settings};
}

static void check_pace(const struct program *program, struct publish_settings *settings)
{
    bool rate = settings->pace.rate > 0;
    if (settings->fast && rate)
        options_wrong(program, "--fast and --rate exclude each other");
    if ((settings->fast || rate) && options_given("speed"))
        options_wrong(program, "--speed and %s exclude each other", rate ? "--rate" : "--fast");
    settings->pace.mode = settings->fast ? PACE_FAST : rate ? PACE_RATE : PACE_RECORDED;
}

static void check_faults(const struct program *program, struct publish_settings *settings)
{
    struct error error;
    if (!fault_settings_parse(&settings->fault_texts, &settings->replay.faults, &error))
        options_wrong(program, "%s", error.text);
}

static void check_columns(const struct program *program, struct publish_settings *settings)
{
    struct error error;
    if (settings->column_texts.count == 0)
        options_wrong(program, "name the columns to publish with --column NAME:NODE");
    if (!columns_parse(&settings->column_texts, &settings->columns, &error) ||
        !columns_select(&settings->columns, &settings->node_texts, &error))
        options_wrong(program, "%s", error.text);
}

void replay_options_check(const struct program *program, struct publish_settings *settings)
{
    check_pace(program, settings);
    check_columns(program, settings);
    check_faults(program, settings);
    settings->replay.readings.columns = &settings->columns;
    settings->replay.readings.date_column = "Date";
    settings->replay.readings.clock_column = "Time";
    settings->replay.readings.occupancy_column = "Room_Occupancy_Count";
    settings->replay.readings.earliest = message_earliest((enum message_format)settings->format);
}
