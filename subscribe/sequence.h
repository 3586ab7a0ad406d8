/* What is missing and what is doubled in a sequence of numbers that count up by one, in memory of a fixed
 * size. Of the last SEQUENCE_WINDOW numbers it knows which ones came: within those they may come in any
 * order, a late one fills its gap. A number from before them begins the sequence anew: the publisher does;
 * and so does one that is more than SEQUENCE_JUMP ahead: so many messages are not missing, it is no count. */
#ifndef ROOMSTREAM_SUBSCRIBE_SEQUENCE_H
#define ROOMSTREAM_SUBSCRIBE_SEQUENCE_H

#include <stdint.h>

enum { SEQUENCE_WINDOW = 65536 };
#define SEQUENCE_JUMP UINT32_MAX

/* Zero-initialized: nothing came. The counts are of all times that the sequence began. */
struct sequence {
    uint64_t first, last; /* since it began (anew) */
    uint64_t distinct;    /* of those between them, how many came */
    uint64_t doubled;
    uint64_t times_begun;
    uint64_t missing_before; /* before it began anew */
    uint64_t came[SEQUENCE_WINDOW / 64];
};

enum sequence_place { SEQUENCE_NEW, SEQUENCE_DOUBLED };

/* Takes the next number that came, up to INT64_MAX. */
enum sequence_place sequence_add(struct sequence *sequence, uint64_t number);

/* How many numbers between the first and the last one have not come. */
uint64_t sequence_missing(const struct sequence *sequence);

#endif
