/* At-least-once forwarding: an idempotent producer and delivery reports. What is in flight when the process
 * is killed is produced again, so a kill doubles at most `window` messages here. */
#ifndef ROOMSTREAM_AT_LEAST_ONCE_H
#define ROOMSTREAM_AT_LEAST_ONCE_H

#include "dead_letters.h"
#include "settings.h"
#include "spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct at_least_once;

/* The forwarder's thread alone uses it. NULL with *error on a bad configuration. */
struct at_least_once *at_least_once_open(const struct bridge_settings *settings, struct spool *spool,
                                         struct dead_letters *letters, struct error *error);

/* What one pass came to. */
struct pass {
    size_t forwarded; /* messages handed to Kafka */
    size_t in_flight; /* messages without delivery report */
    bool more;        /* the spool has more, which cannot be handed over at once */
    int64_t wait;     /* ns to wait before the next pass, after an error; 0: none */
    bool failed;      /* the spool cannot be read any more */
};

/* Reads what is new in the spool and produces it, serves delivery reports, saves the position. Blocks only
 * for a bounded time, while looking up or creating the topic. */
struct pass at_least_once_pass(struct at_least_once *way);

/* Gives up what is in flight and frees. */
void at_least_once_close(struct at_least_once *way);

#endif
