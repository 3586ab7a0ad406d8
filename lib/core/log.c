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

/* Copies text with control characters escaped as JSON does; in JSON lines also the quote and the backslash.
 */
static size_t escape(char *out, size_t size, const char *text, bool json)
{
    size_t length = 0;
    for (; *text && length + 7 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f)
            length += (size_t)snprintf(out + length, size - length, "\\u%04x", c);
        else {
            if (json && (c == '"' || c == '\\'))
                out[length++] = '\\';
            out[length++] = (char)c;
        }
    }
    out[length] = '\0';
    return length;
}

void log_write(enum log_level level, const char *format, ...)
{
    int saved = errno;
    char time[CLOCK_RFC3339_SIZE], text[2048], line[4608];
    bool json = current.format == LOG_FORMAT_JSON;
    if (!log_enabled(level))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    clock_rfc3339(clock_realtime(), time);
    int head =
        json ? snprintf(line, 256, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"message\":\"",
                        time, levels[level], program_name)
             : snprintf(line, 256, "%s%s %s %s: ", line_prefix, time, program_name, levels[level]);
    size_t length = (size_t)(head < 255 ? head : 255);
    length += escape(line + length, sizeof line - length - 4, text, json);
    if (json) {
        line[length++] = '"';
        line[length++] = '}';
    }
    line[length++] = '\n';
    /* A log that cannot be written has nowhere to complain. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
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
