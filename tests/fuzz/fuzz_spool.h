/* What a fuzz input for the spool's recovery looks like: this header, then the bytes of two segments and of
 * the position's two slots. */
#ifndef ROOMSTREAM_TESTS_FUZZ_FUZZ_SPOOL_H
#define ROOMSTREAM_TESTS_FUZZ_FUZZ_SPOOL_H

#include <stdint.h>

enum fuzz_spool_flags {
    FUZZ_REPAIR = 1,
    FUZZ_REBOOTED = 2,
    FUZZ_WITHOUT_POSITION = 4,
    /* Checksums are set right, since chance never would: behind them lies the code that matters. */
    FUZZ_MEND_POSITION = 8,
    FUZZ_MEND_HEADERS = 16,
    FUZZ_MEND_RECORDS = 32,
};

struct fuzz_spool_input {
    uint8_t flags;
    uint8_t unused;
    uint8_t lengths[2][2]; /* of the two segments, little-endian; 0: there is none */
};

enum { FUZZ_SLOT_LENGTH = 104 };

#endif
