#include "chance.h"

#include <xxhash.h>

double chance(uint64_t seed, enum chance_use use, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t key[] = {seed, use, a, b, c};
    return (double)(XXH3_64bits(key, sizeof key) >> 11) * 0x1p-53;
}
