/* What the user can choose about Kafka (the options are in options.c). */
#ifndef ROOMSTREAM_KAFKA_SETTINGS_H
#define ROOMSTREAM_KAFKA_SETTINGS_H

#include "options/property_list.h"

#include <stdint.h>

struct kafka_settings {
    const char *brokers;
    const char *config_file; /* NULL: none; its content is among the properties */
    struct property_list properties;
    const char *token_command; /* NULL: none */
    int64_t token_timeout;     /* ns */
};

#endif
