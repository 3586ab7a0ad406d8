#include "at_least_once.h"

#include "core/clock.h"
#include "kafka/client.h"

/* How long a pass waits for the delivery reports. Short: the loop looks for a request to stop. */
static const int64_t flush_timeout = 10 * MILLISECOND;

/* librdkafka has at most so many requests out for a broker where it is idempotent. While more wait behind
 * them its thread polls without rest. */
enum { REQUESTS = 5 };

static const struct kafka_property required[] = {
    {"enable.idempotence", "true", "without it a retry could double or reorder records"},
    {"acks", "all", "fewer acknowledgements could lose records"},
    {"message.timeout.ms", "0", "any limit would drop records when Kafka is away for longer"},
};

bool at_least_once_open(struct delivery *delivery, const struct bridge_settings *settings,
                        struct spool *spool, struct dead_letters *letters, struct counters *counters,
                        struct error *error)
{
    return delivery_open(delivery, settings, spool, letters, counters, required,
                         sizeof required / sizeof *required, false, error);
}

struct pass at_least_once_pass(struct delivery *f)
{
    struct pass pass = {0};
    bool replaced;
    bool ready = delivery_begin(f, &replaced);
    /* Before more is handed over, so that a kill doubles at most a window. */
    spool_save(f->spool);
    if (ready) {
        if (f->rewind_due && producer_in_flight(f->producer) == 0)
            delivery_rewind(f);
        /* All there is goes at once, and hardly more until it is delivered: what comes meanwhile makes the
         * next batch. Messages in flight that are fewer than the requests leave room for one that carries
         * the batch; so at low rates a message does not wait for the ones before it. */
        if (f->rewind_due || producer_in_flight(f->producer) >= REQUESTS)
            pass.more = true;
        else if (f->wait == 0 && delivery_ensure_topic(f))
            delivery_produce(f, &pass);
        if (producer_in_flight(f->producer) > 0)
            producer_flush(f->producer, flush_timeout);
        pass.in_flight = producer_in_flight(f->producer);
    }
    spool_save(f->spool);
    pass.wait = f->wait;
    return pass;
}
