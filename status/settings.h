/* What the user of status can choose. */
#ifndef ROOMSTREAM_STATUS_SETTINGS_H
#define ROOMSTREAM_STATUS_SETTINGS_H

#include "core/log.h"
#include "options/options.h"

struct status_settings {
    struct text_list addresses;
    const char *targets; /* file; NULL: bridges that announce themselves, and those of run.sh */
    int64_t timeout;     /* ns, for each round */
    int64_t oldest;      /* ns: a spooled message that is older is not well */
    int64_t every;       /* ns between rounds; 0: one round */
    bool json;
    struct log_settings log;
};

enum { SETTINGS_GROUPS = 3 };

/* The program's description with its options. Settings and groups must outlive it. */
struct program settings_program(struct status_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS]);

#endif
