/* The options of the log, which all programs have. */
#ifndef ROOMSTREAM_OPTIONS_LOG_OPTIONS_H
#define ROOMSTREAM_OPTIONS_LOG_OPTIONS_H

#include "core/log.h"
#include "option.h"

/* --log-level and --log-format. settings outlive the parsing. */
struct option_group log_options(struct log_settings *settings);

#endif
