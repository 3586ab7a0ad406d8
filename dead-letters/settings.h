/* What the user of dead-letters can choose. */
#ifndef ROOMSTREAM_DEAD_LETTERS_SETTINGS_H
#define ROOMSTREAM_DEAD_LETTERS_SETTINGS_H

#include "core/log.h"
#include "core/text.h"
#include "options/options.h"

#include <stdint.h>

enum letters_action { LETTERS_LIST, LETTERS_EXPORT, LETTERS_RETRY, LETTERS_DROP };

struct letters_settings {
    struct text_list operands; /* the action, then ids */
    const char *bridge;        /* name; NULL where the folder is given */
    const char *folder;        /* of the spool; once checked, never NULL */
    int64_t spool_max;         /* bytes */
    bool repair;
    struct log_settings log;
    /* Made of the operands by settings_check. */
    enum letters_action action;
    int64_t *ids; /* NULL: all letters */
    size_t id_count;
};

enum { SETTINGS_GROUPS = 2 };

/* The program's description with its options. Settings and groups outlive it. */
struct program settings_program(struct letters_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void settings_check(const struct program *program, struct letters_settings *settings);

#endif
