/* Where a program serves what it reports about itself. */
#ifndef ROOMSTREAM_HTTP_SETTINGS_H
#define ROOMSTREAM_HTTP_SETTINGS_H

#include "address.h"
#include "core/error.h"
#include "core/text.h"
#include "options/option.h"

#include <stdbool.h>

struct http_settings {
    const char *at;              /* --http; NULL: nowhere */
    struct text_list hosts;      /* further names that it is asked for by */
    struct http_address address; /* read from at by http_settings_complete */
};

/* --http and --http-host. section is the group's in the configuration file. settings outlive the parsing. */
struct option_group http_options(const char *section, struct http_settings *settings);

/* False with *error when --http is not an address. */
bool http_settings_complete(struct http_settings *settings, struct error *error);

#endif
