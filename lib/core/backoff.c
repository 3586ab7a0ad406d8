#include "backoff.h"

#include <sys/random.h>

int64_t backoff_next(struct backoff *backoff)
{
    uint32_t random = UINT32_MAX / 2;
    if (backoff->next == 0)
        backoff->next = backoff->first;
    int64_t step = backoff->next;
    backoff->next = step > backoff->longest / 2 ? backoff->longest : 2 * step;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = UINT32_MAX / 2; /* the middle of the range is a fair wait too */
    return step / 2 + (int64_t)((double)(step - step / 2) * random / UINT32_MAX);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->next = 0;
}
