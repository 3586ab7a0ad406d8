#include "sequence.h"

#include <stdbool.h>
#include <string.h>

static uint64_t *word_of(struct sequence *s, uint64_t number)
{
    return &s->came[number % SEQUENCE_WINDOW / 64];
}

static uint64_t bit_of(uint64_t number)
{
    return UINT64_C(1) << number % 64;
}

static void begin(struct sequence *s, uint64_t number)
{
    s->missing_before = sequence_missing(s);
    s->times_begun++;
    s->first = s->last = number;
    s->distinct = 0;
    memset(s->came, 0, sizeof s->came);
}

/* Moves the window so that it ends with a number that is greater than the last one. */
static void advance(struct sequence *s, uint64_t number)
{
    if (number - s->last >= SEQUENCE_WINDOW)
        memset(s->came, 0, sizeof s->came);
    else
        for (uint64_t skipped = s->last + 1; skipped <= number; skipped++)
            *word_of(s, skipped) &= ~bit_of(skipped);
    s->last = number;
}

static bool begins(const struct sequence *s, uint64_t number)
{
    if (s->times_begun == 0)
        return true;
    return number < s->last ? s->last - number >= SEQUENCE_WINDOW : number - s->last > SEQUENCE_JUMP;
}

enum sequence_place sequence_add(struct sequence *s, uint64_t number)
{
    if (begins(s, number))
        begin(s, number);
    else if (number > s->last)
        advance(s, number);
    else if (number < s->first)
        s->first = number;
    uint64_t *word = word_of(s, number);
    if (*word & bit_of(number)) {
        s->doubled++;
        return SEQUENCE_DOUBLED;
    }
    *word |= bit_of(number);
    s->distinct++;
    return SEQUENCE_NEW;
}

uint64_t sequence_missing(const struct sequence *s)
{
    return s->missing_before + (s->times_begun ? s->last - s->first + 1 - s->distinct : 0);
}
