/* Where a record goes, and with which key: by the routes of now, whatever they were when it was received. */
#ifndef ROOMSTREAM_BRIDGE_OUT_ROUTER_H
#define ROOMSTREAM_BRIDGE_OUT_ROUTER_H

#include "bridge/seen/counters.h"
#include "bridge/translate.h"
#include "destinations.h"

/* Zero-initialize it, router_free at the end. The forwarder's thread alone. */
struct router {
    const struct bridge_settings *settings;
    struct destinations *destinations;
    struct counters *counters;
    struct text_buffer buffer;
    struct log_limit keyless;
};

struct routed {
    struct destination *to;
    size_t route; /* the number of its route; 0 without routes */
    struct message_key key;
};

/* Valid until the next call. False with *reason: it must become a dead letter. */
bool router_route(struct router *router, const struct spool_record *record, struct routed *routed,
                  struct error *reason);

/* Shows how many destinations there are in the counters; router_route does too. */
void router_count(struct router *router);
void router_free(struct router *router);

#endif
