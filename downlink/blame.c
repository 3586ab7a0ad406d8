#include "blame.h"

#include "core/clock.h"

enum { TIMES = 3 };
static const int64_t soon = 5 * SECOND;

void blame_connected(struct blame *b, int64_t now)
{
    b->answered = false;
    b->began = b->since = now;
}

void blame_sent(struct blame *b, struct blame_id message, int64_t now)
{
    b->in_flight++;
    b->last = message;
    b->since = now;
}

void blame_unsent(struct blame *b)
{
    b->in_flight--;
}

/* Where messages are sent singly, the last one sent is the one in flight. */
static bool is_suspect(const struct blame *b)
{
    return b->alone > 0 && b->last.place == b->suspect.place && b->last.offset == b->suspect.offset;
}

bool blame_settled(struct blame *b, bool answered)
{
    b->in_flight--;
    if (answered)
        b->answered = true;
    if (b->singly == 0)
        return false;
    bool guilty = !answered && is_suspect(b) && b->alone >= TIMES;
    if (guilty || (answered && is_suspect(b)))
        b->alone = 0;
    b->singly = guilty ? 0 : answered ? b->singly - 1 : b->singly;
    return guilty;
}

static void ended_singly(struct blame *b, int64_t now)
{
    if (b->in_flight != 1)
        return;
    bool soon_after = now - b->since < soon;
    b->alone = !soon_after ? 0 : is_suspect(b) ? b->alone + 1 : 1;
    b->suspect = b->last;
    if (soon_after)
        b->singly = b->window;
}

bool blame_ended(struct blame *b, int64_t now)
{
    if (b->singly > 0) {
        ended_singly(b, now);
        return b->in_flight > 0;
    }
    if (b->answered && now - b->began >= soon)
        b->fruitless = 0;
    else if (b->in_flight > 0)
        b->fruitless++;
    if (b->fruitless < TIMES)
        return false;
    b->singly = b->window;
    b->fruitless = b->alone = 0;
    return true;
}
