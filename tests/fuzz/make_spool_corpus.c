/* Writes the inputs from which fuzzing of the spool starts: make_spool_corpus FOLDER. To be run again when
 * the format changes. */
#include "fuzz_spool.h"

#include "spool/little_endian.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

struct input {
    struct fuzz_spool_input head;
    uint8_t slots[2][FUZZ_SLOT_LENGTH];
    uint8_t segments[2][4096];
    size_t lengths[2];
};

static void set_position(struct input *input, int slot, uint64_t sequence, uint64_t position)
{
    uint8_t *bytes = input->slots[slot];
    put_le64(bytes + 16, sequence);
    memset(bytes + 24, 0xa5, 16);
    put_le64(bytes + 40, position);
}

static void add_header(struct input *input, int segment, uint64_t first_id, uint16_t packet_ids)
{
    uint8_t *bytes = input->segments[segment];
    put_le64(bytes + 32, first_id);
    put_le32(bytes + 40, packet_ids);
    for (uint16_t i = 0; i < packet_ids; i++)
        put_le16(bytes + 44 + 2 * i, (uint16_t)(i + 1));
    input->lengths[segment] = 52 + 2 * (size_t)packet_ids;
}

static void add_record(struct input *input, int segment, uint8_t kind, uint64_t id, uint16_t packet_id,
                       uint8_t payload)
{
    uint8_t *bytes = input->segments[segment] + input->lengths[segment];
    put_le32(bytes + 8, 44 + 4 + 2 + (uint32_t)payload);
    bytes[12] = kind;
    put_le16(bytes + 14, packet_id);
    put_le64(bytes + 16, id);
    put_le64(bytes + 24, 1000 * id);
    put_le32(bytes + 32, 2);
    put_le32(bytes + 36, payload);
    put_le16(bytes + 40, 4);
    memset(bytes + 44, 'p', 6 + (size_t)payload);
    input->lengths[segment] += 44 + 6 + (size_t)payload;
}

/* Two segments: ids 1 to 4 and 5 to 8, delivered up to 2. */
static struct input usual(uint8_t flags)
{
    struct input input = {.head.flags = flags | FUZZ_MEND_POSITION | FUZZ_MEND_HEADERS | FUZZ_MEND_RECORDS};
    set_position(&input, 0, 4, 3);
    set_position(&input, 1, 3, 2);
    add_header(&input, 0, 1, 0);
    for (uint64_t id = 1; id <= 4; id++)
        add_record(&input, 0, id == 3 ? 2 : 1, id, id == 1 || id == 3 ? 9 : 0, (uint8_t)(10 * id));
    add_header(&input, 1, 5, 3);
    for (uint64_t id = 5; id <= 8; id++)
        add_record(&input, 1, id == 7 ? 3 : 1, id, 0, (uint8_t)(5 * id));
    return input;
}

static void save(const struct input *input, const char *name)
{
    char path[4096];
    struct input copy = *input;
    for (int i = 0; i < 2; i++)
        put_le16(copy.head.lengths[i], (uint16_t)copy.lengths[i]);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(&copy.head, sizeof copy.head, 1, file) != 1 ||
        fwrite(copy.slots, sizeof copy.slots, 1, file) != 1 ||
        fwrite(copy.segments[0], 1, copy.lengths[0], file) != copy.lengths[0] ||
        fwrite(copy.segments[1], 1, copy.lengths[1], file) != copy.lengths[1] || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void save_with_each_way_of_starting(struct input input, const char *name)
{
    static const struct {
        const char *name;
        uint8_t flags;
    } ways[] = {{"", 0},
                {"-repair", FUZZ_REPAIR},
                {"-rebooted", FUZZ_REBOOTED},
                {"-without-position", FUZZ_WITHOUT_POSITION},
                {"-all", FUZZ_REPAIR | FUZZ_REBOOTED | FUZZ_WITHOUT_POSITION}};
    uint8_t flags = input.head.flags;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char full[256];
        snprintf(full, sizeof full, "%s%s", name, ways[i].name);
        input.head.flags = flags | ways[i].flags;
        save(&input, full);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    folder = argv[1];
    struct input input = usual(0);
    save_with_each_way_of_starting(input, "usual");
    input.lengths[1] -= 7;
    save_with_each_way_of_starting(input, "torn");
    input = usual(0);
    input.lengths[0] -= 7;
    save_with_each_way_of_starting(input, "cut-in-the-middle");
    input = usual(0);
    memset(input.segments[1] + 58, 0, 40);
    save_with_each_way_of_starting(input, "hole");
    input = usual(0);
    put_le64(input.segments[1] + 32, 6);
    save_with_each_way_of_starting(input, "missing-id");
    input = usual(0);
    add_record(&input, 1, 4, 1000, 0, 0);
    add_record(&input, 1, 1, 1001, 0, 3);
    save_with_each_way_of_starting(input, "gap");
    input = usual(0);
    input.lengths[0] = 0;
    save_with_each_way_of_starting(input, "first-segment-missing");
    input = usual(0);
    put_le64(input.slots[0] + 64, 5);
    put_le64(input.slots[0] + 72, 4000);
    save_with_each_way_of_starting(input, "shorter-than-synced");
    input = usual(0);
    set_position(&input, 0, 4, 5000);
    save_with_each_way_of_starting(input, "position-beyond-the-end");
    input = usual(0);
    input.head.flags = 0;
    save_with_each_way_of_starting(input, "all-checksums-wrong");
    input = usual(0);
    input.lengths[0] = input.lengths[1] = 0;
    save_with_each_way_of_starting(input, "no-segments");
    return 0;
}
