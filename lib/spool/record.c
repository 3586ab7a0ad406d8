#include "record.h"

#include "little_endian.h"

/* The state of a checksum in pieces can be on the stack only when the library is compiled in. Short records
 * also gain by it. */
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    AT_CHECKSUM = 0,
    AT_LENGTH = 8,
    AT_KIND = 12,
    AT_FLAGS = 13,
    AT_PACKET_ID = 14,
    AT_ID = 16,
    AT_TIME = 24,
    AT_PROPERTIES_LENGTH = 32,
    AT_PAYLOAD_LENGTH = 36,
    AT_TOPIC_LENGTH = 40,
    AT_REASON_LENGTH = 42,
};

static const size_t longest_content = 268435455; /* of a whole packet: MQTT 5, section 2.1.4 */

uint64_t record_seed(const uuid_t uuid, uint64_t first_id)
{
    uint8_t bytes[sizeof(uuid_t) + 8];
    memcpy(bytes, uuid, sizeof(uuid_t));
    put_le64(bytes + sizeof(uuid_t), first_id);
    return XXH3_64bits(bytes, sizeof bytes);
}

bool record_check(const struct spool_record *record, struct error *error)
{
    if (record->kind < SPOOL_MESSAGE || record->kind > SPOOL_FORGET)
        return error_set(error, "there is no kind of record %d", record->kind);
    if (record->topic.length > UINT16_MAX)
        return error_set(error, "the topic has %zu bytes, more than %d", record->topic.length, UINT16_MAX);
    if (record->reason.length > UINT16_MAX)
        return error_set(error, "the reason has %zu bytes, more than %d", record->reason.length, UINT16_MAX);
    if (record->properties.length > longest_content ||
        record->payload.length > longest_content - record->properties.length)
        return error_set(error, "properties and payload have %zu and %zu bytes, together more than %zu",
                         record->properties.length, record->payload.length, longest_content);
    return true;
}

size_t record_length(const struct spool_record *record)
{
    return RECORD_HEADER_LENGTH + record->topic.length + record->properties.length + record->payload.length +
           record->reason.length;
}

static struct iovec piece(struct spool_bytes bytes)
{
    return (struct iovec){(void *)(uintptr_t)bytes.data, bytes.length};
}

void record_encode(const struct spool_record *record, uint64_t id, uint64_t seed, int64_t offset,
                   uint8_t header[static RECORD_HEADER_LENGTH], struct iovec pieces[static RECORD_PIECES])
{
    XXH3_state_t state;
    put_le32(header + AT_LENGTH, (uint32_t)record_length(record));
    header[AT_KIND] = record->kind;
    header[AT_FLAGS] = record->flags;
    put_le16(header + AT_PACKET_ID, record->packet_id);
    put_le64(header + AT_ID, id);
    put_le64(header + AT_TIME, (uint64_t)record->time);
    put_le32(header + AT_PROPERTIES_LENGTH, (uint32_t)record->properties.length);
    put_le32(header + AT_PAYLOAD_LENGTH, (uint32_t)record->payload.length);
    put_le16(header + AT_TOPIC_LENGTH, (uint16_t)record->topic.length);
    put_le16(header + AT_REASON_LENGTH, (uint16_t)record->reason.length);
    pieces[0] = (struct iovec){header, RECORD_HEADER_LENGTH};
    pieces[1] = piece(record->topic);
    pieces[2] = piece(record->properties);
    pieces[3] = piece(record->payload);
    pieces[4] = piece(record->reason);

    XXH3_INITSTATE(&state);
    XXH3_64bits_reset_withSeed(&state, seed + (uint64_t)offset);
    XXH3_64bits_update(&state, header + AT_LENGTH, RECORD_HEADER_LENGTH - AT_LENGTH);
    for (int i = 1; i < RECORD_PIECES; i++)
        if (pieces[i].iov_len > 0)
            XXH3_64bits_update(&state, pieces[i].iov_base, pieces[i].iov_len);
    put_le64(header + AT_CHECKSUM, XXH3_64bits_digest(&state));
}

uint32_t record_content(const struct spool_record *record)
{
    uint64_t sum = XXH3_64bits_withSeed(record->topic.data, record->topic.length, 0);
    sum = XXH3_64bits_withSeed(record->properties.data, record->properties.length, sum);
    sum = XXH3_64bits_withSeed(record->payload.data, record->payload.length, sum);
    uint32_t content = (uint32_t)(sum ^ sum >> 32);
    return content ? content : 1;
}

size_t record_decode_header(const uint8_t *bytes, struct spool_record *record)
{
    *record = (struct spool_record){
        .id = get_le64(bytes + AT_ID),
        .time = (int64_t)get_le64(bytes + AT_TIME),
        .kind = bytes[AT_KIND],
        .flags = bytes[AT_FLAGS],
        .packet_id = get_le16(bytes + AT_PACKET_ID),
        .topic.length = get_le16(bytes + AT_TOPIC_LENGTH),
        .properties.length = get_le32(bytes + AT_PROPERTIES_LENGTH),
        .payload.length = get_le32(bytes + AT_PAYLOAD_LENGTH),
        .reason.length = get_le16(bytes + AT_REASON_LENGTH),
    };
    bool possible = record->id > 0 && record->id <= RECORD_LAST_ID &&
                    (record->kind == RECORD_GAP || record_check(record, NULL)) &&
                    record_length(record) == get_le32(bytes + AT_LENGTH);
    return possible ? record_length(record) : 0;
}

bool record_decode(const uint8_t *bytes, size_t length, uint64_t seed, int64_t offset,
                   struct spool_record *record)
{
    if (XXH3_64bits_withSeed(bytes + AT_LENGTH, length - AT_LENGTH, seed + (uint64_t)offset) !=
        get_le64(bytes + AT_CHECKSUM))
        return false;
    record->topic.data = bytes + RECORD_HEADER_LENGTH;
    record->properties.data = bytes + RECORD_HEADER_LENGTH + record->topic.length;
    record->payload.data = (const uint8_t *)record->properties.data + record->properties.length;
    record->reason.data = (const uint8_t *)record->payload.data + record->payload.length;
    return true;
}
