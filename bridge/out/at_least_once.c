#include "at_least_once.h"

#include "core/clock.h"
#include "core/out_of_memory.h"
#include "kafka/client.h"

#include <stdlib.h>

/* How long a pass waits for the delivery reports. Short, so that the loop notices a request to stop. */
static const int64_t flush_timeout = 10 * MILLISECOND;

/* An idempotent librdkafka has at most this many requests in flight to a broker. While more wait behind them
 * its thread polls without rest. */
enum { REQUESTS = 5 };

static const struct kafka_property required[] = {
    {"enable.idempotence", "true", "without it a retry could double or reorder records"},
    {"acks", "all", "fewer acknowledgements could lose records"},
    {"message.timeout.ms", "0", "any limit would drop records when Kafka is down for longer"},
};

/* Produces what is new in the spool, serves delivery reports, saves the position. Blocks for some ms for the
 * reports, and while looking up or creating the topic; see also delivery_produce. */
static struct pass make_pass(struct delivery *d)
{
    struct pass pass = {0};
    struct destination *fixed = destinations_fixed(d->destinations);
    bool ready = delivery_begin(d);
    /* Before more is handed over, so that a kill doubles at most a window. */
    spool_save(d->spool);
    if (ready) {
        if (d->rewind_due && producer_in_flight(d->producer) == 0)
            delivery_rewind(d);
        /* Everything new goes at once, and hardly more until it is delivered: what arrives meanwhile makes
         * the next batch. With fewer messages in flight than requests there is room for a request with the
         * next batch, so at low rates a message does not wait for the ones before it. */
        if (d->rewind_due || producer_in_flight(d->producer) >= REQUESTS)
            pass.more = true;
        else if (d->wait == 0 && (!fixed || delivery_ensure(d, fixed)))
            delivery_produce(d, &pass);
        if (producer_in_flight(d->producer) > 0)
            producer_flush(d->producer, flush_timeout);
        pass.in_flight = producer_in_flight(d->producer);
    }
    spool_save(d->spool);
    pass.wait = d->wait;
    return pass;
}

static void acknowledged(struct delivery *d, const struct produced *message)
{
    spool_delivered(d->spool, message->id);
    histogram_add(&d->counters->latency, clock_realtime() - message->time);
    counters_add(&d->counters->delivered_bytes, message->size);
    counters_add_route(d->counters, message->route);
    delivery_recovered(d);
}

static void replacing(struct delivery *d)
{
    (void)d;
}

struct delivery *at_least_once_open(const struct bridge_settings *settings, struct spool *spool,
                                    struct dead_letters *letters, struct counters *counters,
                                    struct error *error)
{
    static const struct delivery_way way = {make_pass, acknowledged, replacing};
    struct delivery *d = calloc(1, sizeof *d);
    if (!d)
        out_of_memory(sizeof *d);
    if (delivery_open(d, &way, settings, spool, letters, counters, required,
                      sizeof required / sizeof *required, error))
        return d;
    return NULL;
}
