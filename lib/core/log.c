#include "log.h"

#include "clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *program_name = "roomstream";
static const char *line_prefix = "";
static struct log_settings current = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT};

struct option_group log_options(struct log_settings *settings)
{
    static const struct option_spec specs[] = {
        {.name = "log-level",
         .kind = OPTION_CHOICE,
         .argument = "LEVEL",
         .choices = levels,
         .fallback = "info",
         .offset = offsetof(struct log_settings, level),
         .help = "least important messages to log: error, warning, info or debug"},
        {.name = "log-format",
         .kind = OPTION_CHOICE,
         .argument = "FORMAT",
         .choices = formats,
         .fallback = "text",
         .offset = offsetof(struct log_settings, format),
         .help = "text, or json for one JSON object a line"},
    };
    return (struct option_group){"Logging", "log", specs, sizeof specs / sizeof *specs, settings};
}

void log_init(const char *program, const struct log_settings *settings)
{
    program_name = program;
    current = *settings;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= current.level;
}

void log_set_line_prefix(const char *prefix)
{
    line_prefix = prefix ? prefix : "";
}

enum { LINE_SIZE = 4096 };

static const char cut_mark[] = "...";

/* Copies text with control characters (C0, DEL, C1) escaped as JSON does, in JSON lines also the quote and
 * the backslash, and with U+FFFD for what is not UTF-8. Ends in the cut mark when it does not fit. */
static size_t escape(char *out, size_t size, const char *text, bool json)
{
    size_t length = 0;
    while (*text) {
        char piece[8];
        size_t character = text_utf8_length(text);
        unsigned c = (unsigned char)text[0];
        if (character == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0)
            c = (unsigned char)text[1];
        if (character == 0)
            snprintf(piece, sizeof piece, "\xef\xbf\xbd");
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            snprintf(piece, sizeof piece, "\\u%04x", c);
        else
            snprintf(piece, sizeof piece, "%s%.*s", json && (c == '"' || c == '\\') ? "\\" : "",
                     (int)character, text);
        size_t piece_length = strlen(piece);
        if (length + piece_length + sizeof cut_mark > size) {
            memcpy(out + length, cut_mark, sizeof cut_mark - 1);
            return length + sizeof cut_mark - 1;
        }
        memcpy(out + length, piece, piece_length);
        length += piece_length;
        text += character ? character : 1;
    }
    return length;
}

static void write_line(enum log_level level, const char *text)
{
    char time[CLOCK_RFC3339_SIZE], line[LINE_SIZE];
    bool json = current.format == LOG_FORMAT_JSON;
    const char *end = json ? "\"}\n" : "\n";
    clock_rfc3339(clock_realtime(), time);
    int head =
        json ? snprintf(line, 256, "%s{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"message\":\"",
                        line_prefix, time, levels[level], program_name)
             : snprintf(line, 256, "%s%s %s %s: ", line_prefix, time, program_name, levels[level]);
    size_t length = (size_t)(head < 255 ? head : 255);
    length += escape(line + length, sizeof line - length - strlen(end), text, json);
    memcpy(line + length, end, strlen(end));
    length += strlen(end);
    /* A log that cannot be written has nowhere to complain. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

void log_write(enum log_level level, const char *format, ...)
{
    int saved = errno;
    char text[LINE_SIZE];
    if (!log_enabled(level))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_line(level, text);
    errno = saved;
}

bool log_allowed(struct log_limit *limit, uint64_t *held)
{
    int64_t now = clock_monotonic();
    if (limit->last && now - limit->last < limit->interval) {
        limit->held++;
        return false;
    }
    limit->last = now;
    *held = limit->held;
    limit->held = 0;
    return true;
}

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
    int saved = errno;
    uint64_t held;
    char text[LINE_SIZE], left_out[64] = "";
    if (!log_enabled(level) || !log_allowed(limit, &held))
        return;
    if (held)
        snprintf(left_out, sizeof left_out, LOG_HELD_BACK, (unsigned long long)held);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text - sizeof left_out, format, arguments);
    va_end(arguments);
    strcat(text, left_out);
    write_line(level, text);
    errno = saved;
}
