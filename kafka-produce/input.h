/* What messages are made of: standard input or a FILE, line by line, or FILEs, each as a whole.
 *
 * Lifecycle: input_open -> input_next until it returns LINES_END, LINES_STOPPED or LINES_FAILED ->
 * input_close. One thread. */
#ifndef ROOMSTREAM_KAFKA_PRODUCE_INPUT_H
#define ROOMSTREAM_KAFKA_PRODUCE_INPUT_H

#include "lines.h"
#include "settings.h"

struct input {
    const struct text_list *files; /* none: standard input */
    bool whole;                    /* a file is a message, not a line */
    size_t longest;                /* bytes of a message */
    const char *delimiter;
    size_t delimiter_length;
    uint64_t number;      /* of the line, or the file, that was returned last, from 1 */
    struct lines lines;   /* of what is being read; its fd is -1: nothing */
    bool returned, ended; /* the file that is open; everything */
};

/* Looks at all FILEs: false with *error, and nothing is read, where one cannot be read, is a folder, or, as a
 * whole, has more than `longest` bytes. settings must outlive the input. */
bool input_open(struct input *input, const struct produce_settings *settings, size_t longest,
                struct error *error);
void input_close(struct input *input);

/* As lines_next; LINES_ONE and LINES_TOO_LONG are also those of a whole file, which may be empty.
 * LINES_UNREADABLE: the file input->number cannot be read now, *error says why; others may follow. */
enum lines_result input_next(struct input *input, int64_t timeout, const char **text, size_t *length,
                             struct error *error);

/* What an interruption leaves behind: of a FILE all that was not returned, of standard input only what was
 * read of the next line, since nobody knows whether more would have come. */
bool input_left(const struct input *input);

/* How much of it was read, from 0 to 1; -1: unknown. */
double input_part(const struct input *input);

#endif
