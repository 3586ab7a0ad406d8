#include "message.h"

#include "core/out_of_memory.h"
#include "little_endian.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTHS = 6 };

void header_list_add(struct header_list *list, const struct header *header)
{
    size_t needed = list->length + LENGTHS + header->name_length + header->value_length;
    if (needed > list->size) {
        unsigned char *data = realloc(list->data, 2 * needed);
        if (!data)
            out_of_memory(2 * needed);
        list->data = data;
        list->size = 2 * needed;
    }
    unsigned char *at = list->data + list->length;
    put_le16(at, (uint16_t)header->name_length);
    put_le32(at + 2, (uint32_t)header->value_length);
    memcpy(at + LENGTHS, header->name, header->name_length);
    if (header->value_length)
        memcpy(at + LENGTHS + header->name_length, header->value, header->value_length);
    list->length = needed;
}

bool header_next(struct spool_bytes *rest, struct header *header)
{
    const unsigned char *at = rest->data;
    if (rest->length < LENGTHS)
        return false;
    header->name_length = get_le16(at);
    header->value_length = get_le32(at + 2);
    size_t length = LENGTHS + header->name_length + header->value_length;
    if (rest->length < length)
        return false;
    header->name = (const char *)at + LENGTHS;
    header->value = at + LENGTHS + header->name_length;
    *rest = (struct spool_bytes){at + length, rest->length - length};
    return true;
}
