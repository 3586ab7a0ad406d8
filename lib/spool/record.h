/* A record as bytes: a header of fixed fields, then topic, properties, payload and reason
 * (docs/spool-format.md). Pure functions. */
#ifndef ROOMSTREAM_SPOOL_RECORD_H
#define ROOMSTREAM_SPOOL_RECORD_H

#include "core/error.h"
#include "spool_record.h"

#include <stdbool.h>
#include <sys/uio.h>
#include <uuid/uuid.h>

#define RECORD_HEADER_LENGTH 44
#define RECORD_PIECES 5 /* the header and the four parts after it */

/* One more kind beside those of enum spool_kind, written only by the spool itself: the ids up to this
 * record's id hold nothing, because what they held is lost or may be. Only this record may have an id that is
 * not the next one. */
enum { RECORD_GAP = 4 };

/* Ids fit a signed field, such as an offset in Kafka. */
#define RECORD_LAST_ID ((uint64_t)INT64_MAX)

/* The seed of the checksums in one file. A record is valid in its own file at its own offset only, so that a
 * payload that contains a copy of a record is never taken for one. */
uint64_t record_seed(const uuid_t uuid, uint64_t first_id);

/* Is the record one that the format can hold? False with *error, which names the part that is too long.
 * Records that are read back are asked too, so a narrower limit for new ones belongs into spool_append. */
bool record_check(const struct spool_record *record, struct error *error);

/* The record's length in a file in bytes. */
size_t record_length(const struct spool_record *record);

/* Fills in the header, with the checksum for this `offset`, and the pieces to be written, which point into
 * header and record. */
void record_encode(const struct spool_record *record, uint64_t id, uint64_t seed, int64_t offset,
                   uint8_t header[static RECORD_HEADER_LENGTH], struct iovec pieces[static RECORD_PIECES]);

/* A checksum of topic, properties and payload; never 0. */
uint32_t record_content(const struct spool_record *record);

/* Reads the header: id, kind, ... and the lengths of the parts, whose data are NULL. Returns the length of
 * the whole record, or 0 when this cannot be a record. The checksum is not checked. */
size_t record_decode_header(const uint8_t *bytes, struct spool_record *record);

/* Completes a record of `length` bytes whose header is decoded: its parts point into bytes. False when the
 * checksum is wrong. */
bool record_decode(const uint8_t *bytes, size_t length, uint64_t seed, int64_t offset,
                   struct spool_record *record);

#endif
