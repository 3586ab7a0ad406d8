#include "late.h"

#include <stdlib.h>

struct held {
    uint64_t due;
    struct message message;
};

struct late {
    size_t size, first, count;
    struct held items[];
};

struct late *late_new(size_t size)
{
    struct late *late = calloc(1, sizeof *late + size * sizeof *late->items);
    if (late)
        late->size = size;
    return late;
}

void late_free(struct late *late)
{
    free(late);
}

size_t late_count(const struct late *late)
{
    return late->count;
}

void late_hold(struct late *late, const struct message *message, uint64_t due)
{
    if (late->count == late->size)
        abort();
    late->items[(late->first + late->count++) % late->size] = (struct held){due, *message};
}

bool late_take(struct late *late, uint64_t row, struct message *message)
{
    if (late->count == 0 || late->items[late->first].due > row)
        return false;
    *message = late->items[late->first].message;
    late->first = (late->first + 1) % late->size;
    late->count--;
    return true;
}
