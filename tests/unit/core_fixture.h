/* What the tests of lib/core share: temporary files, and what a function writes to a descriptor. */
#ifndef ROOMSTREAM_TESTS_UNIT_CORE_FIXTURE_H
#define ROOMSTREAM_TESTS_UNIT_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

/* A file that is gone when the test is done: open by descriptor, readable again by its path under /dev/fd. */
struct temporary_file {
    FILE *stream;
    char path[32];
};

static inline struct temporary_file temporary_file(const void *content, size_t length)
{
    struct temporary_file file = {.stream = tmpfile()};
    assert_non_null(file.stream);
    assert_int_equal(fwrite(content, 1, length, file.stream), length);
    assert_int_equal(fflush(file.stream), 0);
    rewind(file.stream);
    snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", fileno(file.stream));
    return file;
}

/* Between capture_start and capture_end, what is written to the descriptor goes to the capture. */
struct capture {
    int descriptor, saved;
    FILE *stream;
    char text[32768];
};

static inline void capture_start(struct capture *capture, int descriptor)
{
    fflush(NULL);
    capture->descriptor = descriptor;
    capture->saved = dup(descriptor);
    capture->stream = tmpfile();
    assert_true(capture->saved >= 0 && capture->stream);
    assert_true(dup2(fileno(capture->stream), descriptor) >= 0);
}

static inline const char *capture_end(struct capture *capture)
{
    fflush(NULL);
    assert_true(dup2(capture->saved, capture->descriptor) >= 0);
    close(capture->saved);
    rewind(capture->stream);
    size_t length = fread(capture->text, 1, sizeof capture->text - 1, capture->stream);
    capture->text[length] = '\0';
    fclose(capture->stream);
    return capture->text;
}

#define assert_contains(text, part)                                                                          \
    do {                                                                                                     \
        if (!strstr(text, part))                                                                             \
            fail_msg("'%s' is not in: %s", part, text);                                                      \
    } while (0)

#define assert_lacks(text, part)                                                                             \
    do {                                                                                                     \
        if (strstr(text, part))                                                                              \
            fail_msg("'%s' must not be in: %s", part, text);                                                 \
    } while (0)

#endif
