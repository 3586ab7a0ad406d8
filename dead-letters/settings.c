#include "settings.h"

#include "core/out_of_memory.h"
#include "core/state_folder.h"
#include "options/log_options.h"

#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct letters_settings, name)

static const struct option_spec spool_specs[] = {
    OPT_TEXT(
        0, "of", FIELD(bridge), "BRIDGE",
        "name of the bridge, such as bridge-temp, or its --id: its spool is where that bridge keeps it without --spool"),
    OPT_TEXT(0, "spool", FIELD(folder), "FOLDER", "folder of the bridge's spool, in place of --of"),
    OPT_SIZE(0, "spool-max", FIELD(spool_max), "1G", RANGE(65536, 1e15),
             "bound of the spool for retry, as that of the bridge: what does not fit stays a dead letter"),
    OPT_FLAG(
        0, "spool-repair", FIELD(repair),
        "for retry and drop: set damaged files of the spool aside, as NAME.corrupt, and keep all in them that is whole"),
};

struct program settings_program(struct letters_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS])
{
    groups[0] = OPTION_GROUP("Spool", "dead-letters", spool_specs, settings);
    groups[1] = log_options(&settings->log);
    return (struct program){
        .name = "dead-letters",
        .usage = "list|export|retry|drop [ID]... --of BRIDGE [OPTION]...",
        .summary = "Deals with the messages that Kafka could never take.",
        .details =
            "list prints a line for each, with id, time, size, topic and reason. export prints each as a line of JSON. "
            "retry puts them back into the spool, for the bridge to deliver. drop removes them. "
            "Each does so with the letters of these IDs, or with all. retry and drop need the bridge to be stopped.",
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
        .operands = &settings->operands,
    };
}

static void check_action(const struct program *program, struct letters_settings *settings)
{
    static const char *const actions[] = {"list", "export", "retry", "drop"};
    if (settings->operands.count == 0)
        options_wrong(program, "say what to do: list, export, retry or drop");
    const char *word = settings->operands.items[0];
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(word, actions[i]) == 0) {
            settings->action = (enum letters_action)i;
            return;
        }
    options_wrong(program, "'%s' is none of list, export, retry and drop", word);
}

static void check_ids(const struct program *program, struct letters_settings *settings)
{
    char **words = settings->operands.items + 1;
    settings->id_count = settings->operands.count - 1;
    if (settings->id_count == 0)
        return;
    settings->ids = calloc(settings->id_count, sizeof *settings->ids);
    if (!settings->ids)
        out_of_memory(settings->id_count * sizeof *settings->ids);
    for (size_t i = 0; i < settings->id_count; i++)
        if (!text_to_integer(words[i], &settings->ids[i]) || settings->ids[i] < 1)
            options_wrong(program, "'%s' is not the id of a dead letter, a whole number from 1", words[i]);
}

static void check_folder(const struct program *program, struct letters_settings *settings)
{
    const char *bridge = settings->bridge;
    if (bridge && settings->folder)
        options_wrong(program, "--of and --spool exclude each other: both name the spool");
    if (bridge && (strchr(bridge, '/') || *bridge == '.' || *bridge == '\0'))
        options_wrong(program, "--of '%s' is not the name of a bridge: name its spool's folder with --spool",
                      bridge);
    if (bridge)
        settings->folder = state_folder(bridge);
    if (bridge && !settings->folder)
        options_wrong(
            program,
            "neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set: name the spool's folder with --spool");
    if (!settings->folder || !*settings->folder)
        options_wrong(program,
                      "whose dead letters? Name the bridge with --of, or its spool's folder with --spool");
}

void settings_check(const struct program *program, struct letters_settings *settings)
{
    check_action(program, settings);
    check_ids(program, settings);
    check_folder(program, settings);
    options_need_stdout(program);
}
