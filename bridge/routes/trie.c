#include "trie.h"

#include "core/out_of_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOT = 0, NO_NODE = 0 /* the root is nobody's child */ };

struct node {
    const char *level; /* as its parent knows it; a + is one as well */
    uint32_t level_length;
    uint32_t parent, first_child, next_sibling;
    uint32_t next_in_bucket;
    uint32_t plus; /* the child for +, or NO_NODE */
    size_t ends;   /* the number of the filter that ends here, or TRIE_NONE */
    size_t hash;   /* of the one that goes on with #, or TRIE_NONE */
    size_t lowest; /* of all here and below */
};

/* Children are found by a hash table of all nodes, by parent and level. */
struct trie {
    struct node *nodes;
    uint32_t count, room;
    uint32_t *buckets; /* twice as many as there is room for nodes, a power of 2 */
};

static size_t lower(size_t a, size_t b)
{
    return a < b ? a : b; /* TRIE_NONE is the highest */
}

/* FNV-1a. */
static uint32_t bucket_of(const struct trie *t, uint32_t parent, const char *level, size_t length)
{
    uint64_t sum = 14695981039346656037U ^ parent;
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)level[i]) * 1099511628211U;
    return (uint32_t)(sum ^ sum >> 32) & (2 * t->room - 1);
}

static void put_into_bucket(struct trie *t, uint32_t number)
{
    struct node *node = &t->nodes[number];
    uint32_t *bucket = &t->buckets[bucket_of(t, node->parent, node->level, node->level_length)];
    node->next_in_bucket = *bucket;
    *bucket = number;
}

static void make_room(struct trie *t)
{
    t->room = t->room ? 2 * t->room : 16;
    t->nodes = realloc(t->nodes, t->room * sizeof *t->nodes);
    free(t->buckets);
    t->buckets = calloc(2 * (size_t)t->room, sizeof *t->buckets);
    if (!t->nodes || !t->buckets)
        out_of_memory(t->room * sizeof *t->nodes);
    for (uint32_t i = 1; i < t->count; i++)
        put_into_bucket(t, i);
}

static uint32_t add_node(struct trie *t, uint32_t parent, const char *level, size_t length)
{
    if (t->count == t->room)
        make_room(t);
    uint32_t number = t->count++;
    t->nodes[number] = (struct node){
        .level = level,
        .level_length = (uint32_t)length,
        .parent = parent,
        .ends = TRIE_NONE,
        .hash = TRIE_NONE,
        .lowest = TRIE_NONE,
    };
    if (number == ROOT)
        return number;
    t->nodes[number].next_sibling = t->nodes[parent].first_child;
    t->nodes[parent].first_child = number;
    put_into_bucket(t, number);
    return number;
}

struct trie *trie_open(void)
{
    struct trie *t = calloc(1, sizeof *t);
    if (!t)
        out_of_memory(sizeof *t);
    add_node(t, ROOT, "", 0);
    return t;
}

void trie_close(struct trie *t)
{
    if (!t)
        return;
    free(t->nodes);
    free(t->buckets);
    free(t);
}

static uint32_t find_child(const struct trie *t, uint32_t parent, const char *level, size_t length)
{
    uint32_t number = t->buckets[bucket_of(t, parent, level, length)];
    for (; number != NO_NODE; number = t->nodes[number].next_in_bucket) {
        const struct node *node = &t->nodes[number];
        if (node->parent == parent && node->level_length == length && memcmp(node->level, level, length) == 0)
            break;
    }
    return number;
}

/* What is left of a topic or filter, its next level first. */
struct rest {
    const char *at;
    size_t level, length; /* of the level; of all that is left */
    bool end;             /* no level is left */
};

static struct rest begin(const char *at, size_t length)
{
    const char *slash = memchr(at, '/', length);
    return (struct rest){at, slash ? (size_t)(slash - at) : length, length, false};
}

static struct rest next(struct rest rest)
{
    if (rest.level == rest.length)
        return (struct rest){.end = true};
    return begin(rest.at + rest.level + 1, rest.length - rest.level - 1);
}

static bool is(struct rest rest, char wildcard)
{
    return !rest.end && rest.level == 1 && *rest.at == wildcard;
}

void trie_add(struct trie *t, const char *filter, size_t number)
{
    uint32_t node = ROOT;
    struct rest rest = begin(filter, strlen(filter));
    for (; !rest.end && !is(rest, '#'); rest = next(rest)) {
        t->nodes[node].lowest = lower(t->nodes[node].lowest, number);
        uint32_t child = find_child(t, node, rest.at, rest.level);
        if (child == NO_NODE)
            child = add_node(t, node, rest.at, rest.level);
        if (is(rest, '+'))
            t->nodes[node].plus = child;
        node = child;
    }
    size_t *end = rest.end ? &t->nodes[node].ends : &t->nodes[node].hash;
    *end = lower(*end, number);
    t->nodes[node].lowest = lower(t->nodes[node].lowest, number);
}

/* May a wildcard at this node stand for the level? Section 4.7.2. */
static bool wildcards_apply(uint32_t node, struct rest rest)
{
    return node != ROOT || rest.end || rest.level == 0 || *rest.at != '$';
}

/* The lowest number below `best` that is found from here on, else `best`. */
static size_t match(const struct trie *t, uint32_t number, struct rest rest, size_t best)
{
    const struct node *node = &t->nodes[number];
    bool wildcards = wildcards_apply(number, rest);
    if (node->lowest >= best)
        return best;
    if (wildcards)
        best = lower(best, node->hash);
    if (rest.end)
        return lower(best, node->ends);
    /* A topic cannot have a level +, so the child of that name is the wildcard's alone. */
    uint32_t child = is(rest, '+') ? NO_NODE : find_child(t, number, rest.at, rest.level);
    if (child != NO_NODE)
        best = match(t, child, next(rest), best);
    if (wildcards && node->plus != NO_NODE)
        best = match(t, node->plus, next(rest), best);
    return best;
}

size_t trie_match(const struct trie *t, const char *topic, size_t length)
{
    return match(t, ROOT, begin(topic, length), TRIE_NONE);
}

static size_t cover(const struct trie *t, uint32_t number, struct rest rest, size_t except, size_t best)
{
    const struct node *node = &t->nodes[number];
    bool wildcards = wildcards_apply(number, rest);
    if (node->lowest >= best)
        return best;
    if (wildcards && node->hash != except)
        best = lower(best, node->hash);
    if (rest.end)
        return node->ends != except ? lower(best, node->ends) : best;
    if (is(rest, '#'))
        return best;
    uint32_t child = find_child(t, number, rest.at, rest.level);
    if (child != NO_NODE)
        best = cover(t, child, next(rest), except, best);
    if (wildcards && node->plus != NO_NODE && node->plus != child)
        best = cover(t, node->plus, next(rest), except, best);
    return best;
}

size_t trie_cover(const struct trie *t, const char *filter, size_t except)
{
    return cover(t, ROOT, begin(filter, strlen(filter)), except, TRIE_NONE);
}

struct visit {
    const struct trie *trie;
    bool (*found)(void *context, size_t number);
    void *context;
};

static bool tell(const struct visit *v, size_t number)
{
    return number == TRIE_NONE || v->found(v->context, number);
}

/* The rest of the filter is #: everything from here on. */
static bool tell_all(const struct visit *v, uint32_t number)
{
    const struct node *node = &v->trie->nodes[number];
    bool all = tell(v, node->ends) && tell(v, node->hash);
    for (uint32_t child = node->first_child; all && child != NO_NODE;
         child = v->trie->nodes[child].next_sibling)
        if (number != ROOT || *v->trie->nodes[child].level != '$')
            all = tell_all(v, child);
    return all;
}

static bool overlap(const struct visit *v, uint32_t number, struct rest rest)
{
    const struct node *node = &v->trie->nodes[number];
    bool wildcards = wildcards_apply(number, rest);
    if (is(rest, '#'))
        return tell_all(v, number);
    if (wildcards && !tell(v, node->hash))
        return false;
    if (rest.end)
        return tell(v, node->ends);
    if (!is(rest, '+')) {
        uint32_t child = find_child(v->trie, number, rest.at, rest.level);
        return (child == NO_NODE || overlap(v, child, next(rest))) &&
               (!wildcards || node->plus == NO_NODE || overlap(v, node->plus, next(rest)));
    }
    for (uint32_t child = node->first_child; child != NO_NODE; child = v->trie->nodes[child].next_sibling)
        if ((number != ROOT || *v->trie->nodes[child].level != '$') && !overlap(v, child, next(rest)))
            return false;
    return true;
}

bool trie_overlaps(const struct trie *t, const char *filter, bool (*found)(void *context, size_t number),
                   void *context)
{
    const struct visit visit = {t, found, context};
    return overlap(&visit, ROOT, begin(filter, strlen(filter)));
}
