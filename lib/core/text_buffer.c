#include "text_buffer.h"

#include "out_of_memory.h"

#include <stdlib.h>
#include <string.h>

void text_buffer_append(struct text_buffer *b, const void *bytes, size_t length)
{
    if (b->length + length + 1 > b->room) {
        b->room = 2 * (b->length + length + 1);
        b->data = realloc(b->data, b->room);
        if (!b->data)
            out_of_memory(b->room);
    }
    if (length > 0)
        memcpy(b->data + b->length, bytes, length);
    b->length += length;
    b->data[b->length] = '\0';
}

void text_buffer_set(struct text_buffer *b, const void *bytes, size_t length)
{
    b->length = 0;
    text_buffer_append(b, bytes, length);
}

void text_buffer_free(struct text_buffer *b)
{
    free(b->data);
    *b = (struct text_buffer){0};
}
