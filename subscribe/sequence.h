/* What is missing and what is doubled in a sequence of numbers that count up by one, in memory of a fixed
 * size. Of the last SEQUENCE_WINDOW numbers it knows which ones came: within those they may come in any
 * order, a late one fills its gap. An older number starts a new sequence: the publisher has started again. So
 * does a number more than SEQUENCE_JUMP ahead: so many messages cannot be missing. */
#ifndef ROOMSTREAM_SUBSCRIBE_SEQUENCE_H
#define ROOMSTREAM_SUBSCRIBE_SEQUENCE_H

#include <stdint.h>

enum { SEQUENCE_WINDOW = 65536 };
#define SEQUENCE_JUMP UINT32_MAX

/* Zero-initialized: nothing came. The counts are of all sequences so far. */
struct sequence {
    uint64_t first, last; /* of the current sequence */
    uint64_t distinct;    /* of those between them, how many came */
    uint64_t doubled;
    uint64_t times_begun;
    uint64_t missing_before; /* from the sequences before */
    uint64_t came[SEQUENCE_WINDOW / 64];
};

enum sequence_place { SEQUENCE_NEW, SEQUENCE_DOUBLED };

/* Takes the next number that came, up to INT64_MAX. */
enum sequence_place sequence_add(struct sequence *sequence, uint64_t number);

/* How many numbers between the first and the last one have not come. */
uint64_t sequence_missing(const struct sequence *sequence);

#endif
