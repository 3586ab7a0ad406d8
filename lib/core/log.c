#include "log.h"

#include "clock.h"
#include "credential.h"
#include "utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};

static const char *program_name = "roomstream";
static const char *line_prefix = "";
static struct log_settings current = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT};
static bool journal; /* stderr goes to journald */

/* systemd.exec(5): the variable names the stream by device and inode, and may be that of another process. */
static bool goes_to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat info;
    if (!stream || fstat(STDERR_FILENO, &info) != 0)
        return false;
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    return strcmp(stream, own) == 0;
}

void log_init(const char *program, const struct log_settings *settings)
{
    program_name = program;
    current = *settings;
    journal = goes_to_journal();
}

bool log_enabled(enum log_level level)
{
    return (int)level <= current.level;
}

void log_set_line_prefix(const char *prefix)
{
    line_prefix = prefix ? prefix : "";
}

/* Head and fields leave a quarter of the line for the message. */
enum { LINE_SIZE = 4096, HEAD_SIZE = 256, FIELDS_MAX = 8, FIELD_SIZE = 352, FIELD_TEXT_SIZE = 256 };

static const char cut_mark[] = "...";

/* Copies text with control characters (C0, DEL, C1) escaped as JSON does, in JSON lines also the quote and
 * the backslash, and with U+FFFD for what is not UTF-8. Ends in the cut mark when it does not fit. */
static size_t escape(char *out, size_t size, const char *text, bool json)
{
    size_t length = 0;
    while (*text) {
        char piece[8];
        size_t character = utf8_length(text);
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

/* Writes `,"name":value`; at most FIELD_SIZE bytes. */
static size_t write_field(char *out, const struct log_field *field)
{
    size_t length = (size_t)snprintf(out, FIELD_SIZE - FIELD_TEXT_SIZE, ",\"%.64s\":", field->name);
    if (!field->text)
        return length + (size_t)sprintf(out + length, "%" PRId64, field->number);
    out[length++] = '"';
    length += escape(out + length, FIELD_TEXT_SIZE, field->text, true);
    out[length++] = '"';
    return length;
}

/* Writes what precedes the message in a JSON line; at most HEAD_SIZE + FIELDS_MAX * FIELD_SIZE bytes. */
static size_t write_json_head(char *line, const char *time, enum log_level level, const char *event,
                              const struct log_field *fields, uint64_t held)
{
    const struct log_field left_out = LOG_NUMBER("left_out", held);
    size_t length =
        (size_t)sprintf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%.64s\",\"event\":\"%.64s\"",
                        time, log_levels[level], program_name, event);
    for (size_t i = 0; fields && fields[i].name && i < FIELDS_MAX; i++)
        length += write_field(line + length, &fields[i]);
    if (held)
        length += write_field(line + length, &left_out);
    return length + (size_t)sprintf(line + length, ",\"message\":\"");
}

/* Writes what precedes the message in a line of text. journald has a time of its own. */
static size_t write_text_head(char *line, const char *time, enum log_level level)
{
    return (size_t)sprintf(line, "%s%s%.64s %s: ", journal ? "" : time, journal ? "" : " ", program_name,
                           log_levels[level]);
}

static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};

const char *log_journal_priority(enum log_level level)
{
    return goes_to_journal() ? priorities[level] : "";
}

/* Writes the beginning of the line: its priority for journald, or the prefix. */
static size_t write_prefix(char *line, enum log_level level)
{
    return (size_t)sprintf(line, "%.16s", journal ? priorities[level] : line_prefix);
}

static void write_line(enum log_level level, const char *event, const struct log_field *fields, uint64_t held,
                       const char *text)
{
    char time[CLOCK_RFC3339_SIZE], line[LINE_SIZE], shown[LINE_SIZE];
    bool json = current.format == LOG_FORMAT_JSON;
    const char *end = json ? "\"}\n" : "\n";
    clock_rfc3339(clock_realtime(), time);
    credential_show_source(text, shown, sizeof shown);
    size_t length = write_prefix(line, level);
    length += json ? write_json_head(line + length, time, level, event, fields, held)
                   : write_text_head(line + length, time, level);
    length += escape(line + length, sizeof line - length - strlen(end), shown, json);
    memcpy(line + length, end, strlen(end));
    length += strlen(end);
    /* A failed write to the log cannot be logged. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, const char *format,
               ...)
{
    int saved = errno;
    char text[LINE_SIZE];
    if (!log_enabled(level))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_line(level, event, fields, 0, text);
    errno = saved;
}

/* True when the event may be logged now; *held is then how many were held back before it. */
static bool is_due(struct log_limit *limit, uint64_t *held)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    int64_t now = clock_monotonic();
    bool due = !limit->last || now - limit->last >= limit->interval;
    *held = limit->held;
    limit->held = due ? 0 : limit->held + 1;
    if (due)
        limit->last = now;
    pthread_mutex_unlock(&mutex);
    return due;
}

void log_write_limited(struct log_limit *limit, enum log_level level, const char *event,
                       const struct log_field *fields, const char *format, ...)
{
    int saved = errno;
    uint64_t held;
    char text[LINE_SIZE], left_out[64] = "";
    if (!log_enabled(level) || !is_due(limit, &held))
        return;
    if (held)
        snprintf(left_out, sizeof left_out, " (lines like this held back before: %" PRIu64 ")", held);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text - sizeof left_out, format, arguments);
    va_end(arguments);
    strcat(text, left_out);
    write_line(level, event, fields, held, text);
    errno = saved;
}
