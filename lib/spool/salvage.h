/* Repair of a damaged segment: what is whole in it is kept. */
#ifndef ROOMSTREAM_SALVAGE_H
#define ROOMSTREAM_SALVAGE_H

#include "segment.h"

/* Replaces the segment NAME by one with every whole record in it, and keeps the damaged file as NAME.corrupt
 * (or .corrupt.2, ...). Gap records stand for the ids that are lost, up to the next segment, which begins
 * with `followed_by` (0: there is none). Logs what is kept and lost. *unreleased tells the packet ids for its
 * header if the damaged one does not. False with *error, and nothing is changed. */
bool salvage_segment(const struct folder *folder, const char *name, uuid_t uuid, uint64_t first_id,
                     uint64_t followed_by, struct unreleased *unreleased, struct error *error);

#endif
