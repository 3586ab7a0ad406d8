/* What the user of subscribe can choose. */
#ifndef ROOMSTREAM_SUBSCRIBE_SETTINGS_H
#define ROOMSTREAM_SUBSCRIBE_SETTINGS_H

#include "core/log.h"
#include "core/text.h"
#include "format.h"
#include "mqtt/settings.h"
#include "options/options.h"

struct subscribe_settings {
    struct mqtt_settings mqtt;
    struct log_settings log;
    struct text_list filters, filters_out, unsubscribe;
    int64_t qos;
    bool debug;
    bool plain; /* once checked: no format but --verbose */
    bool quiet; /* no line for who waits at a terminal */
    bool keep_session;
    int64_t session_expiry; /* ns */
    int64_t count;          /* messages to print, 0: no limit */
    int64_t timeout;        /* ns, 0: none */
    bool no_retained, retained_only, subscribe_only;
    bool verbose, no_newline, json, pretty, stats;
    bool print; /* messages are printed; made of the others by settings_check */
    const char *format_text;
    struct format *format; /* made of it by settings_check, lives until exit; NULL: JSON */
};

enum { SETTINGS_GROUPS = 4, SETTINGS_DEFAULTS = 1 };

/* The program's description with its options. Settings, groups and defaults outlive it. */
struct program settings_program(struct subscribe_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS],
                                struct option_default defaults[static SETTINGS_DEFAULTS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void settings_check(const struct program *program, struct subscribe_settings *settings);

#endif
