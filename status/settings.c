#include "settings.h"

#include "options/log_options.h"

#define FIELD(name) offsetof(struct status_settings, name)

static const struct option_spec bridge_specs[] = {
    OPT_LIST('a', "address", FIELD(addresses), "ADDR:PORT",
             "address of a bridge, as its --http; may be repeated", .env = "ROOMSTREAM_STATUS"),
    OPT_TEXT(
        0, "targets", FIELD(targets), "FILE",
        "without --address, a file with the bridges' addresses in the form of Prometheus' file_sd_configs; "
        "without this too, all bridges of this machine that run as this user or as services, "
        "and those in the file of scripts/run.sh, run/bridges.json in $ROOMSTREAM_STATE or in var"),
    OPT_DURATION('W', "timeout", FIELD(timeout), "2s", RANGE(0.01, 3600),
                 "how long to wait for answers; all bridges are asked at once"),
    OPT_DURATION(0, "oldest", FIELD(oldest), "1m", ANY,
                 "a message that has been in the spool for longer is not well"),
};

static const struct option_spec output_specs[] = {
    OPT_FLAG('J', "json", FIELD(json), "print a JSON array with what each bridge says"),
    OPT_DURATION(0, "every", FIELD(every), NULL, RANGE(0.1, 86400),
                 "print again after each such time, until Ctrl-C; without this option once"),
};

struct program settings_program(struct status_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = OPTION_GROUP("Bridges", "bridges", bridge_specs, settings);
    groups[1] = OPTION_GROUP("Output", "output", output_specs, settings);
    groups[2] = log_options(&settings->log);
    return (struct program){
        .name = "status",
        .usage = "[OPTION]...",
        .summary = "Shows how the bridges are.",
        .details =
            "The exit status is 1 if something is not well: a bridge does not answer, is not connected on both sides, "
            "has dead letters, or holds a message that is too old.",
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
    };
}
