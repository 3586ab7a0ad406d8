/* Log lines on stderr: `2026-11-24T21:00:00.123Z bridge-temp info: text`, or one JSON object a line. */
#ifndef ROOMSTREAM_LOG_H
#define ROOMSTREAM_LOG_H

#include "options.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_settings {
    int level;  /* enum log_level */
    int format; /* enum log_format */
};

/* --log-level and --log-format. settings outlive the parsing. */
struct option_group log_options(struct log_settings *settings);

/* Sets program name (kept by reference), level and format. Until then: level info, text, the name
 * "roomstream". Call before any thread. */
void log_init(const char *program, const struct log_settings *settings);

/* True where a message of that level would be written: to spare the work of making one. */
bool log_enabled(enum log_level level);

/* Writes one line of at most 4096 bytes with one write(), so lines of several threads and processes do not
 * mix, in a pipe either (POSIX PIPE_BUF on Linux); a longer message is cut and ends in "...". Any thread. A
 * message may quote what came from outside: control characters are escaped, what is not UTF-8 becomes U+FFFD.
 * errno is kept. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Lets an event that may come in a storm through once an interval. Zero-initialize but for interval. */
struct log_limit {
    int64_t interval; /* ns */
    int64_t last;     /* monotonic ns of the last one let through, 0 before */
    uint64_t held;    /* held back since then */
};

/* True when the event may be logged now; *held is then how many were held back before it. Not thread-safe:
 * one log_limit belongs to one thread. */
bool log_allowed(struct log_limit *limit, uint64_t *held);

/* As log_write where log_allowed lets it through; tells at the end how many were held back before it. */
void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How log_limited ends where `held`, an unsigned long long, is not 0; for those that use log_allowed
 * themselves. */
#define LOG_HELD_BACK " (%llu messages were left out before)"

/* What to write to a terminal so that the current line is cleared before a log line, or NULL (the default). A
 * program with a progress bar on stderr sets it. The text outlives the program. */
void log_set_line_prefix(const char *prefix);

#endif
