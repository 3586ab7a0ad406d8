#include "log_options.h"

static const char *const formats[] = {"text", "json", NULL};

#define FIELD(name) offsetof(struct log_settings, name)

static const struct option_spec specs[] = {
    OPT_CHOICE(0, "log-level", FIELD(level), "LEVEL", log_levels, "info",
               "least important messages to log: error, warning, info or debug"),
    OPT_CHOICE(0, "log-format", FIELD(format), "FORMAT", formats, "text",
               "text, or json for one JSON object a line"),
};

struct option_group log_options(struct log_settings *settings)
{
    return OPTION_GROUP("Logging", "log", specs, settings);
}
