/* What the user of estimate can choose. */
#ifndef ROOMSTREAM_ESTIMATE_SETTINGS_H
#define ROOMSTREAM_ESTIMATE_SETTINGS_H

#include "model.h"

#include "http/settings.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "options/log_options.h"
#include "options/options.h"

struct estimate_settings {
    struct kafka_settings kafka;
    struct kafka_topic_settings topic; /* that is written */
    struct log_settings log;
    const char *id;                                   /* transactional.id and consumer group */
    const char *model_file;                           /* NULL: the one that is built in */
    int64_t wait, age, reorder, transaction_interval; /* ns */
    struct http_settings http;
    struct model model;      /* read by settings_check */
    struct text_list topics; /* of the model's inputs, each once */
};

enum { SETTINGS_GROUPS = 5 };

/* The program's description with its options. Settings and groups outlive it. */
struct program settings_program(struct estimate_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void settings_check(const struct program *program, struct estimate_settings *settings);

#endif
