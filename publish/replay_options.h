/* The options of a publisher that say what is replayed, and how. */
#ifndef ROOMSTREAM_PUBLISH_REPLAY_OPTIONS_H
#define ROOMSTREAM_PUBLISH_REPLAY_OPTIONS_H

#include "columns.h"
#include "core/text.h"
#include "options/options.h"
#include "pace.h"
#include "replay.h"

struct replay_options {
    /* As parsed. */
    const char *summary, *resume, *time_columns, *time_format, *from, *until, *separator;
    struct text_list column_texts, node_texts, fault_texts;
    bool fast, restamp, quiet;
    /* Made of it by replay_options_check. */
    struct columns columns;
    char *date_column;               /* the first of two time columns */
    struct pace_settings pace;       /* its numbers are parsed */
    struct replay_settings settings; /* so are its file and numbers */
};

/* options outlive the parsing. */
struct option_group replay_options(struct replay_options *options);

/* Checks how the options fit together and completes the rest; wrong use ends the program. */
void replay_options_check(const struct program *program, struct replay_options *options);

#endif
