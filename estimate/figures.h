/* What the program has done, and its state. For the main thread; the HTTP server shows a copy (pages.h).
 * Counters are since the start of the process. */
#ifndef ROOMSTREAM_ESTIMATE_FIGURES_H
#define ROOMSTREAM_ESTIMATE_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FIGURES_TROUBLE_SIZE = 640 };

struct figures {
    uint64_t readings;                           /* messages taken: all of these and those that joined */
    uint64_t doubled, late, foreign, unreadable; /* ignored; foreign: of no input of the model */
    uint64_t expired;   /* messages that Kafka deleted before they were taken, while the program was away */
    uint64_t estimates; /* records in committed transactions: all of these and those that were complete */
    uint64_t with_old, without; /* with inputs that were old; without an estimate, as inputs are missing */
    uint64_t transactions, producers_replaced;
    size_t waiting;                     /* readings whose moment is not complete yet */
    int64_t lag;                        /* messages that are not taken yet */
    bool running;                       /* Kafka's topics are being read */
    char trouble[FIGURES_TROUBLE_SIZE]; /* what it cannot do now; "" for nothing */

    /* The last record that is committed; of seq 0: none */
    uint64_t seq;
    int64_t time; /* of its moment */
    bool utc;
    bool known; /* since the start of the process, with an estimate */
    int64_t people;
};

#endif
