#include "settings.h"

#define AT(field) .offset = offsetof(struct status_settings, field)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct option_spec bridge_specs[] = {
    {.name = "address",
     .letter = 'a',
     .kind = OPTION_LIST,
     .argument = "ADDR:PORT",
     .env = "ROOMSTREAM_STATUS",
     AT(addresses),
     .help = "address of a bridge, as its --http; may be repeated"},
    {.name = "targets",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     AT(targets),
     .help =
         "without --address, a file with the bridges' addresses in the form of Prometheus' file_sd_configs; "
         "without this too, all bridges of this machine that run as this user or as services, and those in "
         "the file of scripts/run.sh, run/bridges.json in $ROOMSTREAM_STATE or in var"},
    {.name = "timeout",
     .letter = 'W',
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "2s",
     .minimum = 0.01,
     .maximum = 3600,
     AT(timeout),
     .help = "how long to wait for answers; all bridges are asked at once"},
    {.name = "oldest",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "1m",
     AT(oldest),
     .help = "a message that has been in the spool for longer is not well"},
};

static const struct option_spec output_specs[] = {
    {.name = "json",
     .letter = 'J',
     .kind = OPTION_FLAG,
     AT(json),
     .help = "print a JSON array with what each bridge says"},
    {.name = "every",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .minimum = 0.1,
     .maximum = 86400,
     AT(every),
     .help = "print again after each such time, until Ctrl-C; without this option once"},
};

struct program settings_program(struct status_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = (struct option_group){"Bridges", "bridges", bridge_specs, COUNT(bridge_specs), settings};
    groups[1] = (struct option_group){"Output", "output", output_specs, COUNT(output_specs), settings};
    groups[2] = log_options(&settings->log);
    return (struct program){
        .name = "status",
        .usage = "[OPTION]...",
        .summary = "Shows how the bridges are.",
        .details = "The exit status is 1 if something is not well: a bridge does not answer, is not "
                   "connected on both sides, has dead letters, or holds a message that is too old.",
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
    };
}
