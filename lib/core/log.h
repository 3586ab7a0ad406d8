/* Log lines on stderr: `2026-11-24T21:00:00.123Z bridge-temp info: text`, or one JSON object a line, which
 * also has the event and its fields. Where stderr goes to journald (JOURNAL_STREAM, systemd.exec(5)) each
 * line begins with its priority, such as <4>, and text has no time. */
#ifndef ROOMSTREAM_CORE_LOG_H
#define ROOMSTREAM_CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
extern const char *const log_levels[]; /* their names, and NULL */

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_settings {
    int level;  /* enum log_level */
    int format; /* enum log_format */
};

/* Sets program name (kept by reference), level and format. Until
 * then: level info, text, the name "roomstream". Call before any thread. */
void log_init(const char *program, const struct log_settings *settings);

/* True where a message of that level would be written; saves the work of making one. */
bool log_enabled(enum log_level level);

/* The name of an event, for programs that read the log: a word of a-z, 0-9 and _, without quotes, so that a
 * call without it does not compile. docs/operations.md lists them all. */
#define LOG_EVENT(word) (sizeof(struct log_event_##word *) ? #word : "")

/* A value of the message, as a member of the JSON object; text lines do not have it. The name must not be
 * that of another member: time, level, program, event, message, left_out. */
struct log_field {
    const char *name;
    const char *text; /* NULL for a number; cut, with "..." at its end, beyond 252 bytes (once escaped) */
    int64_t number;
};
#define LOG_TEXT(name, text)                                                                                 \
    {                                                                                                        \
        name, text, 0                                                                                        \
    }
#define LOG_NUMBER(name, number)                                                                             \
    {                                                                                                        \
        name, NULL, (int64_t)(number)                                                                        \
    }
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {NULL, NULL, 0}}) /* 8 at most */
#define LOG_NO_FIELDS NULL

/* Writes one line of at most 4096 bytes with one write(), so lines of several threads and processes do not
 * mix, in a pipe either (POSIX PIPE_BUF on Linux); a longer message is cut and ends in "...". Any thread. A
 * message may quote text from outside: control characters are escaped, and what is not UTF-8 becomes U+FFFD,
 * so JSON lines are always valid (RFC 8259). errno is kept. The event is LOG_EVENT(...). */
void log_write(enum log_level level, const char *event, const struct log_field *fields, const char *format,
               ...) __attribute__((format(printf, 4, 5)));

#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, LOG_EVENT(event), LOG_NO_FIELDS, __VA_ARGS__)
#define log_warning(event, ...) log_write(LOG_LEVEL_WARNING, LOG_EVENT(event), LOG_NO_FIELDS, __VA_ARGS__)
#define log_info(event, ...) log_write(LOG_LEVEL_INFO, LOG_EVENT(event), LOG_NO_FIELDS, __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_LEVEL_DEBUG, LOG_EVENT(event), LOG_NO_FIELDS, __VA_ARGS__)

/* With fields: log_info_with(topic_created, LOG_FIELDS(LOG_TEXT("topic", name)), "created %s", name). */
#define log_error_with(event, fields, ...) log_write(LOG_LEVEL_ERROR, LOG_EVENT(event), fields, __VA_ARGS__)
#define log_warning_with(event, fields, ...)                                                                 \
    log_write(LOG_LEVEL_WARNING, LOG_EVENT(event), fields, __VA_ARGS__)
#define log_info_with(event, fields, ...) log_write(LOG_LEVEL_INFO, LOG_EVENT(event), fields, __VA_ARGS__)

/* What begins a line of that level that is not written by log_write, such as "Try ... --help": journald's
 * priority, "<3>" (sd-daemon(3)), where stderr goes to journald, else "". Also before log_init. */
const char *log_journal_priority(enum log_level level);

/* Limits an event that may be repeated quickly to once an interval. Zero-initialize, apart from interval. One
 * log_limit is for one event, of any thread. */
struct log_limit {
    int64_t interval; /* ns */
    int64_t last;     /* monotonic ns of the last one let through, 0 before */
    uint64_t held;    /* held back since then */
};

/* As the above, once an interval. Says at the end, and in the field left_out, how many were held back. */
#define log_limited(limit, level, event, fields, ...)                                                        \
    log_write_limited(limit, level, LOG_EVENT(event), fields, __VA_ARGS__)
void log_write_limited(struct log_limit *limit, enum log_level level, const char *event,
                       const struct log_field *fields, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* What to write to a terminal so that the current line is cleared before a log line, or NULL (the default). A
 * program with a progress bar on stderr sets it. The text must stay valid for ever. */
void log_set_line_prefix(const char *prefix);

#endif
