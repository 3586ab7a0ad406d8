/* Any bytes as a packed file: unpacking it ends, with its end or a message, whatever the pieces; what was
 * unpacked before that does not depend on them. The first byte says in how small pieces it is read. */
#include "gzip_reader.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct input {
    const uint8_t *data;
    size_t left, piece;
};

static ssize_t give(void *context, const void **data, struct error *error)
{
    struct input *input = context;
    size_t count = input->left < input->piece ? input->left : input->piece;
    (void)error;
    *data = input->data;
    input->data += count;
    input->left -= count;
    return (ssize_t)count;
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* How unpacking ended, and the hash of what came out. */
static XXH64_hash_t unpack(struct input input, size_t room, ssize_t *end)
{
    static char buffer[4096];
    struct error error = {""}, again = {""};
    struct gzip_reader *reader = gzip_reader_new(give, &input, &error);
    XXH3_state_t *hash = XXH3_createState();
    require(reader && hash && XXH3_64bits_reset(hash) == XXH_OK);
    while ((*end = gzip_reader_read(reader, buffer, room, &error)) > 0) {
        require((size_t)*end <= room);
        XXH3_64bits_update(hash, buffer, (size_t)*end);
    }
    require(gzip_reader_read(reader, buffer, room, &again) == *end && strcmp(error.text, again.text) == 0);
    require(*end == 0 ? input.left == 0 : *error.text != '\0');
    XXH64_hash_t result = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    gzip_reader_free(reader);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ssize_t whole_end, end;
    if (size == 0)
        return 0;
    struct input input = {data + 1, size - 1, SIZE_MAX};
    XXH64_hash_t whole = unpack(input, 4096, &whole_end);
    input.piece = data[0] ? data[0] : 1;
    require(unpack(input, 1 + data[0] % 64, &end) == whole && end == whole_end);
    return 0;
}
