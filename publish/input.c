#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* The folder of the running program, or "." where /proc does not say. */
static void program_folder(char *folder, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", folder, size - 1);
    if (length < 0) {
        snprintf(folder, size, ".");
        return;
    }
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
}

/* The path of the first that is there, or NULL with *error. */
static char *find_data(struct error *error)
{
    static const char *const files[] = {"occupancy.csv", "occupancy-sample.csv"};
    char program[4096], nearby[4200], installed[4200];
    program_folder(program, sizeof program);
    snprintf(nearby, sizeof nearby, "%s/../../data", program);
    snprintf(installed, sizeof installed, "%s/../share/roomstream", program);
    const char *const folders[] = {"data", nearby, installed};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
            char *path = NULL;
            if (asprintf(&path, "%s/%s", folders[i], files[k]) < 0) {
                error_set(error, "out of memory");
                return NULL;
            }
            if (access(path, F_OK) == 0)
                return path;
            free(path);
        }
    error_set(error, "there is no %s or %s in data/, %s or %s: name a file with --file", files[0], files[1],
              nearby, installed);
    return NULL;
}

/* O_NONBLOCK: to open a FIFO that nobody writes to yet would block, deaf to a signal; it is input_ready that
 * waits. */
static int open_file(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        fcntl(fd, F_SETFL, 0);
    return fd;
}

bool input_open(struct input *input, const char *file, input_ready *ready, void *context, struct error *error)
{
    bool standard = file && strcmp(file, "-") == 0;
    struct stat status;
    *input = (struct input){.fd = -1, .ready = ready, .context = context};
    input->name = standard ? strdup("standard input") : file ? strdup(file) : find_data(error);
    if (!input->name)
        return file ? error_set(error, "out of memory") : false;
    input->fd = standard ? STDIN_FILENO : open_file(input->name);
    if (input->fd < 0 || fstat(input->fd, &status) != 0) {
        error_set(error, "%s: cannot be opened: %s", input->name, strerror(errno));
        input_close(input);
        return false;
    }
    input->size = -1;
    if (!S_ISREG(status.st_mode) || (input->start = lseek(input->fd, 0, SEEK_CUR)) < 0)
        return true;
    input->size = status.st_size - input->start;
    int own = fcntl(input->fd, F_DUPFD_CLOEXEC, 0); /* gzclose closes it */
    input->file = own >= 0 ? gzdopen(own, "rb") : NULL;
    if (input->file)
        return true;
    if (own >= 0)
        close(own);
    error_set(error, "%s: cannot be read: out of memory or descriptors", input->name);
    input_close(input);
    return false;
}

void input_close(struct input *input)
{
    if (input->fd > STDERR_FILENO)
        close(input->fd);
    if (input->file)
        gzclose(input->file);
    free(input->name);
}

/* Reads more of a pipe behind what is in the buffer; false when that fails. At the end nothing is added. */
static bool fill(struct input *input, struct error *error)
{
    ssize_t count;
    if (!input->ready(input->context, input->fd))
        return true;
    do
        count = read(input->fd, input->buffer + input->end, sizeof input->buffer - input->end);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return error_set(error, "cannot be read: %s", strerror(errno));
    input->end += (size_t)count;
    return true;
}

/* How files begin that are not text, and what makes text of them. */
static const struct {
    const char *magic;
    size_t length, offset;
    const char *what, *command;
} packers[] = {
    {"PK\3\4", 4, 0, "a zip archive (.xlsx and .ods are such: save the sheet as CSV)", "unzip -p"},
    {"\3757zXZ", 5, 0, "packed by xz", "xzcat"},
    {"1AY&SY", 6, 4, "packed by bzip2", "bzcat"},
    {"\x28\xb5\x2f\xfd", 4, 0, "packed by zstd", "zstdcat"},
    {"\x04\x22\x4d\x18", 4, 0, "packed by lz4", "lz4cat"},
    {"7z\xbc\xaf\x27\x1c", 6, 0, "a 7z archive", "7z x -so"},
    {"LZIP\1", 5, 0, "packed by lzip", "lzip -dc"},
    {"\x1f\x9d", 2, 0, "packed by compress", "zcat"},
    {"\x1f\x8b", 2, 0, "packed by gzip", "zcat"}, /* in a pipe: see input_read */
    {"\xd0\xcf\x11\xe0", 4, 0, "an Excel file", NULL},
};

/* True where what begins so is none of these. zlib unpacks a regular file by gzip. */
static bool check_packer(const struct input *input, const char *beginning, size_t size, struct error *error)
{
    const char *file = input->fd == STDIN_FILENO ? "FILE" : input->name;
    for (size_t i = 0; i < sizeof packers / sizeof *packers; i++) {
        size_t offset = packers[i].offset, length = packers[i].length;
        if (size < offset + length || memcmp(beginning + offset, packers[i].magic, length) != 0 ||
            (input->file && gzdirect(input->file) == 0))
            continue;
        if (!packers[i].command)
            return error_set(error, "is %s: save it as CSV", packers[i].what);
        return error_set(error, "is %s, which is not read: %s '%.200s' | %s ... --file -", packers[i].what,
                         packers[i].command, file, program_invocation_short_name);
    }
    return true;
}

enum { MAGIC_LENGTH = 10 };

/* Looks whether the input is packed. */
static bool begin(struct input *input, struct error *error)
{
    char beginning[MAGIC_LENGTH];
    input->begun = true;
    if (input->file) {
        ssize_t length = pread(input->fd, beginning, sizeof beginning, input->start);
        return check_packer(input, beginning, length > 0 ? (size_t)length : 0, error);
    }
    for (size_t before = SIZE_MAX; input->end < MAGIC_LENGTH && input->end != before;) {
        before = input->end;
        if (!fill(input, error))
            return false;
    }
    return check_packer(input, input->buffer, input->end, error);
}

/* At the end of a file that is cut off, zlib returns what there is, and the error with the next call. */
static ssize_t read_file(struct input *input, void *buffer, size_t size, struct error *error)
{
    int problem;
    if (!input->ready(input->context, -1))
        return 0;
    int count = gzread(input->file, buffer, size < INT_MAX ? (unsigned)size : INT_MAX);
    if (count > 0)
        return count;
    gzerror(input->file, &problem);
    if (problem == Z_OK || problem == Z_STREAM_END)
        return 0;
    if (problem == Z_ERRNO)
        error_set(error, "cannot be read: %s", strerror(errno));
    else
        error_set(error, "damaged at byte %" PRId64 " of the gzip file: %s",
                  (int64_t)gzoffset(input->file) - input->start + 1,
                  problem == Z_BUF_ERROR ? "it ends in the middle" : "what it holds is not what was packed");
    return -1;
}

static ssize_t read_pipe(struct input *input, void *buffer, size_t size, struct error *error)
{
    if (input->at == input->end) {
        input->at = input->end = 0;
        if (!fill(input, error))
            return -1;
    }
    size_t left = input->end - input->at, count = left < size ? left : size;
    memcpy(buffer, input->buffer + input->at, count);
    input->at += count;
    return (ssize_t)count;
}

ssize_t input_read(void *context, void *buffer, size_t size, struct error *error)
{
    struct input *input = context;
    if (!input->begun && !begin(input, error))
        return -1;
    return input->file ? read_file(input, buffer, size, error) : read_pipe(input, buffer, size, error);
}

bool input_rewind(struct input *input, struct error *error)
{
    return (input->file && gzrewind(input->file) == 0) ||
           error_set(error, "%s: cannot go back to its beginning: %s", input->name, strerror(errno));
}

double input_part(const struct input *input, uint64_t bytes)
{
    if (input->size <= 0)
        return -1;
    double unpacked = (double)gztell(input->file), packed = (double)(gzoffset(input->file) - input->start);
    return unpacked > 0 ? packed / (double)input->size * ((double)bytes / unpacked) : 0;
}

void input_describe(const struct input *input, FILE *out)
{
    char bytes[64 * 1024];
    if (input->size < 0)
        return;
    ssize_t length = pread(input->fd, bytes, sizeof bytes, input->start);
    fprintf(out, "size = %" PRId64 "\nbeginning = %016" PRIx64 "\n", input->size,
            (uint64_t)XXH3_64bits(bytes, length > 0 ? (size_t)length : 0));
}
