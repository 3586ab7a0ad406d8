/* MQTT topic filters as a tree of their levels (MQTT 5 section 4.7): which of them match a topic, cover
 * another filter, or overlap with it. A wildcard at the beginning matches no topic that begins with $.
 *
 * Lifecycle: trie_open -> trie_add -> trie_match, trie_cover, trie_overlaps -> trie_close. One thread adds,
 * then any may ask. */
#ifndef ROOMSTREAM_BRIDGE_ROUTES_TRIE_H
#define ROOMSTREAM_BRIDGE_ROUTES_TRIE_H

#include <stdbool.h>
#include <stddef.h>

struct trie;

#define TRIE_NONE ((size_t)-1)

/* Where memory is exhausted the process ends. */
struct trie *trie_open(void);
void trie_close(struct trie *trie);

/* Adds a valid filter under a number below 2^32 - 1. Of two equal ones the lower number stays. The text
 * outlives the trie. */
void trie_add(struct trie *trie, const char *filter, size_t number);

/* The lowest number of a filter that matches the topic, which may hold any bytes; TRIE_NONE: none does.
 * Without wildcards in the way this takes as many steps as the topic has levels. */
size_t trie_match(const struct trie *trie, const char *topic, size_t length);

/* The lowest number, but for `except`, of a filter that matches every topic that this one matches. */
size_t trie_cover(const struct trie *trie, const char *filter, size_t except);

/* Calls `found` with the number of each filter that matches a topic that this filter matches too, itself
 * included, until that returns false. False then. */
bool trie_overlaps(const struct trie *trie, const char *filter, bool (*found)(void *context, size_t number),
                   void *context);

#endif
