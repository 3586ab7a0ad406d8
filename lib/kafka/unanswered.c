#include "unanswered.h"

#include <stdint.h>

/* Kafka's API keys (https://kafka.apache.org/protocol.html#protocol_api_keys). */
enum {
    PRODUCE = 0,
    INIT_PRODUCER_ID = 22,
    ADD_PARTITIONS_TO_TXN = 24,
    ADD_OFFSETS_TO_TXN = 25,
    END_TXN = 26,
    TXN_OFFSET_COMMIT = 28,
};

/* NULL: this request changes nothing later. */
static _Atomic long *counter(struct kafka_unanswered *u, int16_t api_key)
{
    switch (api_key) {
    case PRODUCE:
    case ADD_PARTITIONS_TO_TXN:
    case ADD_OFFSETS_TO_TXN:
    case END_TXN:
    case TXN_OFFSET_COMMIT:
        return &u->writes;
    case INIT_PRODUCER_ID:
        return &u->inits;
    default:
        return NULL;
    }
}

/* librdkafka reports an answer in the thread of the broker's connection, which has also sent the request, and
 * most answers a second time in the thread that handles them. */
static _Thread_local bool sends;

static rd_kafka_resp_err_t on_sent(rd_kafka_t *rk, int fd, const char *broker, int32_t broker_id,
                                   int16_t api_key, int16_t version, int32_t id, size_t size, void *context)
{
    _Atomic long *count = counter(context, api_key);
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)version, (void)id, (void)size;
    sends = true;
    if (count)
        atomic_fetch_add(count, 1);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Also called, with an error and without a size, for requests that are given up. */
static rd_kafka_resp_err_t on_answer(rd_kafka_t *rk, int fd, const char *broker, int32_t broker_id,
                                     int16_t api_key, int16_t version, int32_t id, size_t size, int64_t rtt,
                                     rd_kafka_resp_err_t err, void *context)
{
    _Atomic long *count = counter(context, api_key);
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)version, (void)id, (void)rtt;
    if (count && sends && !err && size > 0)
        atomic_fetch_sub(count, 1);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *context, char *reason,
                                  size_t size)
{
    (void)conf, (void)reason, (void)size;
    rd_kafka_resp_err_t err = rd_kafka_interceptor_add_on_request_sent(rk, "unanswered", on_sent, context);
    return err ? err : rd_kafka_interceptor_add_on_response_received(rk, "unanswered", on_answer, context);
}

bool kafka_unanswered_watch(rd_kafka_conf_t *conf, struct kafka_unanswered *u, struct error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_conf_interceptor_add_on_new(conf, "unanswered", on_new, u);
    return !err || error_set(error, "librdkafka accepts no interceptor: %s", rd_kafka_err2str(err));
}

long kafka_unanswered_writes(const struct kafka_unanswered *u)
{
    return atomic_load(&u->writes);
}

long kafka_unanswered_inits(const struct kafka_unanswered *u)
{
    return atomic_load(&u->inits);
}
