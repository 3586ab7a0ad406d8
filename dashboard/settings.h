/* What the user of dashboard can choose. */
#ifndef ROOMSTREAM_DASHBOARD_SETTINGS_H
#define ROOMSTREAM_DASHBOARD_SETTINGS_H

#include "core/log.h"
#include "http/address.h"
#include "kafka/client.h"
#include "options/options.h"
#include "status/settings.h"

struct dashboard_settings {
    struct kafka_settings kafka;
    struct text_list topics; /* once completed: with the one of the estimates, the last */
    const char *people;      /* the topic of the estimates; NULL: none */
    int64_t history;         /* ns */
    const char *note;        /* NULL: none */
    const char *http;
    struct http_address address; /* read from it */
    struct text_list http_hosts;
    int64_t clients;
    struct status_settings programs; /* whom to ask how it is */
    struct log_settings log;
};

enum { DASHBOARD_GROUPS = 5 };

/* The program's description with its options. Settings and groups outlive it. */
struct program dashboard_program(struct dashboard_settings *settings,
                                 struct option_group groups[static DASHBOARD_GROUPS]);

/* Checks how the options fit together and completes the settings; wrong use ends the program. */
void dashboard_settings_check(const struct program *program, struct dashboard_settings *settings);

#endif
