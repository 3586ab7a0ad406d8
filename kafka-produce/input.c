#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes that librdkafka adds to a value without key and headers, before it compares. */
enum { FORMAT_BYTES = 36 };

static bool check_file(const struct input *in, const char *path, struct error *error)
{
    struct stat info;
    if (stat(path, &info) != 0 || access(path, R_OK) != 0)
        return error_set(error, "cannot read %s: %s; nothing was sent", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return error_set(error, "%s is a folder: name the files in it, as %s/* does; nothing was sent", path,
                         path);
    if (in->whole && S_ISREG(info.st_mode) && (uint64_t)info.st_size + FORMAT_BYTES > in->longest)
        return error_set(
            error,
            "%s has %jd bytes, and message.max.bytes=%zu allows less (-X message.max.bytes=N raises it; so must the topic's max.message.bytes; -l sends it line by line); nothing was sent",
            path, (intmax_t)info.st_size, in->longest);
    return true;
}

static bool start_reading(struct input *in, struct error *error)
{
    int fd = STDIN_FILENO;
    const char *name = "standard input";
    if (in->files->count > 0) {
        name = in->files->items[in->whole ? in->number : 0];
        fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO without a writer does not block */
    }
    if (fd < 0)
        return error_set(error, "cannot read %s: %s", name, strerror(errno));
    if (lines_open(&in->lines, fd, name, in->delimiter, in->delimiter_length, in->longest, error))
        return true;
    if (fd != STDIN_FILENO)
        close(fd);
    in->lines.fd = -1;
    return false;
}

static void stop_reading(struct input *in)
{
    if (in->lines.fd < 0)
        return;
    lines_close(&in->lines);
    if (in->files->count > 0)
        close(in->lines.fd);
    in->lines.fd = -1;
}

bool input_open(struct input *in, const struct produce_settings *settings, size_t longest,
                struct error *error)
{
    *in = (struct input){.files = &settings->files, .longest = longest, .lines.fd = -1};
    in->whole = in->files->count > 0 && !settings->by_line;
    in->delimiter = settings->delimiter;
    in->delimiter_length = in->whole ? 0 : settings->delimiter_length;
    for (size_t i = 0; i < in->files->count; i++)
        if (!check_file(in, in->files->items[i], error))
            return false;
    return in->whole || start_reading(in, error);
}

void input_close(struct input *in)
{
    stop_reading(in);
}

/* The file that is open, as one text. */
static enum lines_result next_file(struct input *in, int64_t timeout, const char **text, size_t *length,
                                   struct error *error)
{
    if (in->returned)
        stop_reading(in);
    in->returned = false;
    if (in->number == in->files->count)
        return LINES_END;
    enum lines_result result = LINES_FAILED;
    if (in->lines.fd >= 0 || start_reading(in, error))
        result = lines_next(&in->lines, timeout, text, length, error);
    if (result == LINES_WAITING || result == LINES_STOPPED)
        return result;
    in->number++;
    in->returned = true;
    if (result == LINES_END) {
        *text = "";
        *length = 0;
        return LINES_ONE;
    }
    return result == LINES_FAILED ? LINES_UNREADABLE : result;
}

enum lines_result input_next(struct input *in, int64_t timeout, const char **text, size_t *length,
                             struct error *error)
{
    enum lines_result result;
    if (in->whole)
        result = next_file(in, timeout, text, length, error);
    else {
        result = lines_next(&in->lines, timeout, text, length, error);
        in->number = in->lines.number;
    }
    in->ended = result == LINES_END;
    return result;
}

bool input_left(const struct input *in)
{
    return in->files->count > 0 ? !in->ended && (!in->whole || in->number < in->files->count)
                                : lines_partial(&in->lines);
}

double input_part(const struct input *in)
{
    struct stat info;
    if (in->whole)
        return (double)in->number / (double)in->files->count;
    if (fstat(in->lines.fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
        return -1;
    double part = (double)in->lines.bytes / (double)info.st_size;
    return part < 1 ? part : 1;
}
