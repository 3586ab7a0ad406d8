/* Where the program is, as it stands with the offset that it commits for each partition: a text in the
 * offset's metadata. */
#ifndef ROOMSTREAM_ESTIMATE_POSITION_H
#define ROOMSTREAM_ESTIMATE_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct position {
    uint64_t seq; /* of the last record; 0: there is none yet */
    int64_t time; /* of its moment; ns since 1970-01-01 */
    int64_t from; /* the offset in this partition from which readings are taken again after a restart */
};

enum { POSITION_TEXT_MAX = 100 };

/* NUL-terminated. */
void position_write(const struct position *position, char text[static POSITION_TEXT_MAX]);

/* False for a text that is none of ours. */
bool position_read(const void *text, size_t length, struct position *position);

#endif
