#include "blame.h"

#include "core/clock.h"

enum { TIMES = 3 };
static const int64_t soon = 5 * SECOND;

void blame_connected(struct blame *b, int64_t now)
{
    b->answered = false;
    b->since = now;
}

void blame_sent(struct blame *b, int64_t now)
{
    b->in_flight++;
    b->since = now;
}

void blame_unsent(struct blame *b)
{
    b->in_flight--;
}

bool blame_settled(struct blame *b, bool answered)
{
    b->in_flight--;
    bool guilty = !answered && b->singly > 0 && b->alone >= TIMES;
    if (answered)
        b->answered = true;
    if (answered && b->singly > 0)
        b->singly--;
    if (guilty)
        b->singly = 0;
    if (answered || guilty)
        b->fruitless = b->alone = 0;
    return guilty;
}

bool blame_ended(struct blame *b, int64_t now)
{
    if (b->singly > 0) {
        if (b->in_flight == 1)
            b->alone = now - b->since < soon ? b->alone + 1 : 0;
        return true;
    }
    if (b->in_flight == 0 || b->answered || ++b->fruitless < TIMES)
        return false;
    b->singly = b->window;
    return true;
}
