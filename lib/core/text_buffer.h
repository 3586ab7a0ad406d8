/* Bytes that grow, for what is made again and again: the memory is kept. Zero-initialize it, text_buffer_free
 * at the end. Where memory is exhausted the process ends. One thread. */
#ifndef ROOMSTREAM_CORE_TEXT_BUFFER_H
#define ROOMSTREAM_CORE_TEXT_BUFFER_H

#include <stddef.h>

struct text_buffer {
    char *data; /* a NUL follows the bytes; NULL: nothing was put in yet */
    size_t length, room;
};

/* bytes may be NULL where there are none. */
void text_buffer_append(struct text_buffer *buffer, const void *bytes, size_t length);

/* The same in place of what it holds. */
void text_buffer_set(struct text_buffer *buffer, const void *bytes, size_t length);

void text_buffer_free(struct text_buffer *buffer);

#endif
