/* The routes of a bridge: a message goes to the first one whose filter matches its topic.
 *
 * Lifecycle: routes_open -> all that follows, in any thread -> routes_close */
#ifndef ROOMSTREAM_BRIDGE_ROUTES_ROUTES_H
#define ROOMSTREAM_BRIDGE_ROUTES_ROUTES_H

#include "route.h"

enum { ROUTES_MAX = 16384 };

struct routes;

/* Parses the routes. `key` is the one of those without a key of their own. NULL with *error: one
 * is wrong, or never reached since one before it takes all of its messages. */
struct routes *routes_open(const struct text_list *texts, const char *key, struct error *error);
void routes_close(struct routes *routes);

size_t routes_count(const struct routes *routes);
const struct route *routes_at(const struct routes *routes, size_t number);

/* The number of the topic's route, or TRIE_NONE. */
size_t routes_match(const struct routes *routes, struct spool_bytes topic);

/* How many Kafka topics are named without a {name}, and is this one of them? These are known beforehand. */
size_t routes_fixed_topics(const struct routes *routes);
bool routes_name_topic(const struct routes *routes, const char *topic);

/* A filter that is subscribed to for routes. */
struct route_filter {
    const char *filter;
    /* The filters before it that match some of its topics, but neither all of each other's. A broker may send
     * a message that both match twice. */
    const char **elders;
    size_t elder_count;
    bool overlaps; /* it has an elder, or is one */
};

/* The filters to subscribe to, without those that another one covers, so that a message comes once but where
 * filters overlap. They are in the order in which Mosquitto looks for those that match a topic: level by
 * level, a name before + before #. After a restart Mosquitto 2.0 sends a client that has not come back yet
 * only the copy for the first of them, so that one must count. */
struct route_filters {
    struct route_filter *items;
    size_t count;
    bool overlap; /* some do */
};

/* False with *error when more overlap than is of use to anybody. route_filters_free also then. The texts are
 * those of the routes. */
bool route_filters_make(const struct routes *routes, struct route_filters *filters, struct error *error);
void route_filters_free(struct route_filters *filters);

#endif
