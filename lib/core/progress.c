#include "progress.h"

#include "clock.h"
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CLEAR_LINE "\r\x1b[K"

enum { BAR_MIN = 10, BAR_MAX = 40, COLUMNS_DEFAULT = 80 };

/* Can it clear a line? Without a name, or as "dumb" (an editor's window), it would show the codes. */
static bool is_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

void progress_init(struct progress *progress, bool quiet, bool text_log)
{
    bool terminal = text_log && is_terminal();
    *progress = (struct progress){.next = INT64_MAX};
    progress->mode = quiet ? PROGRESS_NONE : terminal ? PROGRESS_BAR : PROGRESS_LINES;
    if (progress->mode == PROGRESS_BAR)
        log_set_line_prefix(CLEAR_LINE);
}

static void set_next(struct progress *progress, int64_t now)
{
    static const int64_t intervals[] = {
        [PROGRESS_NONE] = 0, [PROGRESS_LINES] = 10 * SECOND, [PROGRESS_BAR] = 100 * MILLISECOND};
    progress->next = progress->mode == PROGRESS_NONE ? INT64_MAX : now + intervals[progress->mode];
}

void progress_start(struct progress *progress, int64_t now)
{
    progress->moved = progress->older.time = progress->newer.time = now;
    set_next(progress, now);
}

int64_t progress_due(const struct progress *progress)
{
    return progress->next;
}

int64_t progress_active(struct progress *progress, uint64_t messages, int64_t now)
{
    /* How much of a time without a message counts: enough for slow replays, whose messages are seconds
     * apart. */
    int64_t usual = messages ? progress->active / (int64_t)messages : 0;
    int64_t most = usual > SECOND ? 5 * usual : 5 * SECOND, since = now - progress->moved;
    int64_t active = progress->active + (since < most ? since : most);
    if (messages > progress->messages) {
        progress->active = active;
        progress->moved = now;
        progress->messages = messages;
    }
    return active;
}

/* ---- the text ---- */

/* The part that is done, or -1 if it is unknown. */
static double part_done(const struct progress_state *state)
{
    double of_limit = state->limit > 0 ? (double)state->messages / (double)state->limit : -1;
    double part = state->part > of_limit ? state->part : of_limit;
    return part > 1 ? 1 : part;
}

/* Appends the piece if the whole then has at most `room` columns (all pieces are ASCII). */
__attribute__((format(printf, 3, 4))) static void add_piece(char *text, size_t room, const char *format, ...)
{
    char piece[80];
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    if (length + strlen(piece) <= room)
        memcpy(text + length, piece, strlen(piece) + 1);
}

static void add_time_left(char *text, size_t room, int64_t elapsed, double done)
{
    double left = (double)elapsed / SECOND * (1 - done) / done;
    if (left < 0.5)
        return;
    if (left < 3600)
        add_piece(text, room, ", %d:%02d left", (int)left / 60, (int)left % 60);
    else if (left < 1000 * 3600.0)
        add_piece(text, room, ", %d:%02d:%02d left", (int)left / 3600, (int)left / 60 % 60, (int)left % 60);
    else
        add_piece(text, room, ", weeks left");
}

/* Puts [====>     ] before the text, as wide as there is room. */
static void add_bar(char *text, size_t columns, double done)
{
    char info[PROGRESS_TEXT_SIZE];
    size_t length = strlen(text);
    if (columns < length + 3 + BAR_MIN)
        return;
    size_t width = columns - length - 3 < BAR_MAX ? columns - length - 3 : BAR_MAX,
           filled = (size_t)(done * (double)width);
    memcpy(info, text, length + 1);
    memset(text + 1, '=', filled);
    memset(text + 1 + filled, ' ', width - filled);
    if (filled < width)
        text[1 + filled] = '>';
    text[0] = '[';
    text[1 + width] = ']';
    text[2 + width] = ' ';
    memcpy(text + 3 + width, info, length + 1);
}

void progress_text(const struct progress_state *state, int64_t elapsed, double rate, size_t columns,
                   char text[static PROGRESS_TEXT_SIZE])
{
    double done = part_done(state);
    /* A terminal wraps text that fills its last column. */
    size_t room = columns == 0 ? PROGRESS_TEXT_SIZE - 1 : columns - 1;
    if (room > PROGRESS_TEXT_SIZE - 1)
        room = PROGRESS_TEXT_SIZE - 1;
    text[0] = '\0';
    if (done >= 0)
        add_piece(text, room, "%d%%, ", (int)(100 * done));
    add_piece(text, room, "%" PRIu64 " messages", state->messages);
    add_piece(text, room, ", %.*f/s", rate < 10 ? 1 : 0, rate);
    if (done > 0)
        add_time_left(text, room, elapsed, done);
    if (state->rows > 0)
        add_piece(text, room, ", %" PRIu64 " rows", state->rows);
    if (state->loop > 0)
        add_piece(text, room, ", loop %" PRIu64, state->loop);
    add_piece(text, room, ", %zu in flight", state->in_flight);
    if (columns > 0 && done >= 0)
        add_bar(text, room, done);
}

/* ---- showing it ---- */

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    return size.ws_col;
}

/* Recent messages per second. */
static double measure(struct progress *progress, const struct progress_state *state, int64_t now)
{
    if (now - progress->newer.time >= SECOND) {
        progress->older = progress->newer;
        progress->newer = (struct progress_mark){now, state->messages};
    }
    double seconds = (double)(now - progress->older.time) / SECOND;
    return seconds > 0 ? (double)(state->messages - progress->older.messages) / seconds : 0;
}

/* Writes to the terminal; a lost terminal shows in other ways. */
static void write_terminal(const char *text, size_t length)
{
    ssize_t written = write(STDERR_FILENO, text, length);
    (void)written;
}

void progress_show(struct progress *progress, const struct progress_state *state, int64_t now)
{
    char text[PROGRESS_TEXT_SIZE], line[PROGRESS_TEXT_SIZE + sizeof CLEAR_LINE];
    bool bar = progress->mode == PROGRESS_BAR;
    double rate = measure(progress, state, now);
    progress_text(state, progress_active(progress, state->messages, now), rate, bar ? terminal_columns() : 0,
                  text);
    if (bar)
        write_terminal(line, (size_t)snprintf(line, sizeof line, "%s%s", CLEAR_LINE, text));
    else
        log_info_with(progress, LOG_FIELDS(LOG_NUMBER("messages", state->messages)), "%s", text);
    set_next(progress, now);
}

void progress_end(struct progress *progress)
{
    if (progress->mode == PROGRESS_BAR)
        write_terminal(CLEAR_LINE, sizeof CLEAR_LINE - 1);
    progress->next = INT64_MAX;
}
