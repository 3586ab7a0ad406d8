#include "at_least_once.h"

#include "clock.h"

/* Where few messages come, each goes at once; where many come, librdkafka lingers and makes large batches of
 * them. Its linger.ms of 0 would do both as well, but costs a wake-up of its thread a message. */
enum { FEW = 32 };
static const int64_t flush_timeout = 10 * MILLISECOND;

static const struct kafka_property required[] = {
    {"enable.idempotence", "true", "without it a retry could double or reorder records"},
    {"acks", "all", "fewer acknowledgements could lose records"},
    {"message.timeout.ms", "0", "any limit would drop records when Kafka is away for longer"},
};

bool at_least_once_open(struct forwarding *forwarding, const struct bridge_settings *settings,
                        struct spool *spool, struct dead_letters *letters, struct metrics *metrics,
                        struct error *error)
{
    return forwarding_open(forwarding, settings, spool, letters, metrics, required,
                           sizeof required / sizeof *required, false, error);
}

struct pass at_least_once_pass(struct forwarding *f)
{
    struct pass pass = {0};
    bool replaced;
    bool ready = forwarding_begin(f, &replaced);
    /* Before more is handed over, so that a kill doubles at most a window. */
    spool_save(f->spool);
    if (ready) {
        if (f->rewind_due && producer_in_flight(f->producer) == 0)
            forwarding_rewind(f);
        if (f->rewind_due)
            pass.more = true;
        else if (f->wait == 0 && forwarding_ensure_topic(f))
            forwarding_produce(f, &pass);
        if (pass.forwarded > 0 && pass.forwarded <= FEW)
            producer_flush(f->producer, flush_timeout);
        pass.in_flight = producer_in_flight(f->producer);
    }
    spool_save(f->spool);
    pass.wait = f->wait;
    return pass;
}
