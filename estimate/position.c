#include "position.h"

#include "core/recorded_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FORMAT(INTEGER, UNSIGNED) "estimate 1 seq=%" UNSIGNED " time=%" INTEGER " from=%" INTEGER

void position_write(const struct position *position, char text[static POSITION_TEXT_MAX])
{
    snprintf(text, POSITION_TEXT_MAX, FORMAT(PRId64, PRIu64), position->seq, position->time, position->from);
}

bool position_read(const void *text, size_t length, struct position *position)
{
    char copy[POSITION_TEXT_MAX];
    int end = 0;
    if (length >= sizeof copy)
        return false;
    if (length > 0)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return sscanf(copy, FORMAT(SCNd64, SCNu64) "%n", &position->seq, &position->time, &position->from,
                  &end) == 3 &&
           (size_t)end == length && position->from >= 0 && recorded_time_fits(position->time);
}
