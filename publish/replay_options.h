/* The options of a publisher that say what is replayed, and how. */
#ifndef ROOMSTREAM_PUBLISH_REPLAY_OPTIONS_H
#define ROOMSTREAM_PUBLISH_REPLAY_OPTIONS_H

#include "options/options.h"
#include "settings.h"

/* settings outlive the parsing. */
struct option_group replay_options(struct publish_settings *settings);

/* Checks them and completes `replay`, `pace` and `columns`; wrong use ends the program. */
void replay_options_check(const struct program *program, struct publish_settings *settings);

#endif
