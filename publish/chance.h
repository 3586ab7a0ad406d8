/* Random numbers that depend on nothing but what they are for: the same key gives the same number, whatever
 * was asked before. So a replay can be repeated, and continued from anywhere. */
#ifndef ROOMSTREAM_PUBLISH_CHANCE_H
#define ROOMSTREAM_PUBLISH_CHANCE_H

#include <stdint.h>

enum chance_use { CHANCE_FAULT, CHANCE_SPIKE_UP, CHANCE_JITTER };

/* A number from 0 to below 1, evenly distributed (XXH3 of the key). Keys that differ in anything give numbers
 * that have nothing to do with each other. */
double chance(uint64_t seed, enum chance_use use, uint64_t a, uint64_t b, uint64_t c);

#endif
