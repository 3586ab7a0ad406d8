/* What the user of store can choose. */
#ifndef ROOMSTREAM_STORE_SETTINGS_H
#define ROOMSTREAM_STORE_SETTINGS_H

#include "database.h"
#include "reader.h"

#include "core/log.h"

#include "http/settings.h"
#include "kafka/client.h"
#include "options/options.h"

struct store_settings {
    struct text_list topics;
    const char *group;
    int offset; /* enum store_offset */
    struct kafka_settings kafka;
    const char *database;
    int64_t database_timeout; /* ns */
    bool print_schema;
    bool raw;
    int payload; /* enum payload_format */
    const char *pointers[FIELDS];
    int time_unit; /* index into the units */
    int64_t batch, batch_bytes;
    int64_t drain_timeout; /* ns */
    struct http_settings http;
    struct log_settings log;
    /* made of them by settings_check: */
    struct reader_settings reader;
    const struct database_kind *kind;
};

enum store_offset { OFFSET_BEGINNING, OFFSET_END };

enum { SETTINGS_GROUPS = 7 };

/* The program's description with its options. Settings and groups outlive it. */
struct program settings_program(struct store_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void settings_check(const struct program *program, struct store_settings *settings);

#endif
