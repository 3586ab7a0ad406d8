#include "outlet.h"

#include "core/clock.h"
#include "core/out_of_memory.h"
#include "kafka/errors.h"

#include <stdlib.h>
#include <string.h>

static const int64_t answer_time = 3 * SECOND;

/* librdkafka may not let go of a producer, whose callbacks then still refer to this. */
struct producer {
    rd_kafka_t *rk;
    struct kafka_unanswered unanswered;
    bool refused;                /* a record */
    rd_kafka_resp_err_t failure; /* of the first such record */
};

struct outlet {
    const struct estimate_settings *settings;
    struct transactions transactions;
    struct producer *producer; /* NULL: none could be made */
    rd_kafka_consumer_group_metadata_t *group;
    rd_kafka_topic_partition_list_t *offsets; /* of this transaction */
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct producer *producer = opaque;
    (void)rk;
    if (message->err && !producer->refused)
        producer->failure = message->err;
    producer->refused |= message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_conf_t *make_configuration(const struct estimate_settings *settings, struct error *error)
{
    /* As the bridge: nothing is ever given up, and a dead connection is noticed within seconds. */
    const struct kafka_property defaults[] = {
        {.name = "linger.ms", .value = "5"},
        {.name = "socket.timeout.ms", .value = "10000"},
        {.name = "request.timeout.ms", .value = "10000"},
        {.name = "socket.connection.setup.timeout.ms", .value = "10000"},
        {.name = "reconnect.backoff.max.ms", .value = "5000"},
        {.name = "allow.auto.create.topics", .value = "false"},
    };
    const struct kafka_property required[] = {
        {"enable.idempotence", "true", "transactions need it"},
        {"acks", "all", "fewer acknowledgements could lose records"},
        {"transactional.id", settings->id, "--id sets it"},
    };
    return kafka_conf_new(RD_KAFKA_PRODUCER, &settings->kafka, defaults, sizeof defaults / sizeof *defaults,
                          required, sizeof required / sizeof *required, error);
}

static void close_producer(struct outlet *o)
{
    struct producer *producer = o->producer;
    transactions_leave(&o->transactions);
    o->producer = NULL;
    if (!producer)
        return;
    if (producer->rk) {
        rd_kafka_purge(producer->rk,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        if (!kafka_destroy(producer->rk))
            return;
    }
    free(producer);
}

bool outlet_replace(struct outlet *o, struct error *error)
{
    struct producer *producer = calloc(1, sizeof *producer);
    if (!producer)
        out_of_memory(sizeof *producer);
    close_producer(o);
    o->producer = producer;
    rd_kafka_conf_t *conf = make_configuration(o->settings, error);
    if (conf && !kafka_unanswered_watch(conf, &producer->unanswered, error)) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    if (conf) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_conf_set_opaque(conf, producer);
        producer->rk = kafka_new(RD_KAFKA_PRODUCER, conf, error);
    }
    if (!producer->rk)
        return false;
    transactions_use(&o->transactions, producer->rk, &producer->unanswered);
    return true;
}

struct outlet *outlet_open(const struct estimate_settings *settings, struct error *error)
{
    struct outlet *o = calloc(1, sizeof *o);
    if (!o)
        out_of_memory(sizeof *o);
    *o = (struct outlet){.settings = settings, .group = rd_kafka_consumer_group_metadata_new(settings->id)};
    if (outlet_replace(o, error))
        return o;
    outlet_close(o);
    return NULL;
}

static void forget_offsets(struct outlet *o)
{
    if (o->offsets)
        rd_kafka_topic_partition_list_destroy(o->offsets);
    o->offsets = NULL;
}

void outlet_close(struct outlet *o)
{
    close_producer(o);
    forget_offsets(o);
    rd_kafka_consumer_group_metadata_destroy(o->group);
    free(o);
}

enum transaction_result outlet_init(struct outlet *o, struct error *error)
{
    if (kafka_topic_ensure(o->producer->rk, &o->settings->kafka, &o->settings->topic, answer_time, error) !=
        KAFKA_TOPIC_READY)
        return TRANSACTION_FAILED;
    return transactions_init(&o->transactions, error);
}

enum transaction_result outlet_begin(struct outlet *o, struct error *error)
{
    rd_kafka_poll(o->producer->rk, 0);
    if (transactions_are_late(&o->transactions)) {
        error_set(error,
                  "a request of the last transaction was not answered and may arrive late, in the next one");
        return TRANSACTION_REPLACE;
    }
    return transactions_begin(&o->transactions, error);
}

enum transaction_result outlet_put(struct outlet *o, const char *record, size_t length, struct error *error)
{
    const struct estimate_settings *settings = o->settings;
    char text[KAFKA_ERROR_SIZE];
    int64_t deadline = clock_monotonic() + answer_time;
    const rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = settings->topic.name},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)settings->id, strlen(settings->id)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)record, length}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    };
    rd_kafka_resp_err_t err;
    do {
        rd_kafka_error_t *failure =
            rd_kafka_produceva(o->producer->rk, fields, sizeof fields / sizeof *fields);
        err = failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_error_destroy(failure);
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(o->producer->rk, 100);
    } while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL && clock_monotonic() < deadline);
    if (!err)
        return TRANSACTION_DONE;
    error_set(error, "cannot write to the Kafka topic '%s': %s", settings->topic.name,
              kafka_describe(err, text));
    return TRANSACTION_ABORT;
}

enum transaction_result outlet_send_offsets(struct outlet *o, rd_kafka_topic_partition_list_t *offsets,
                                            struct error *error)
{
    if (offsets) {
        forget_offsets(o);
        o->offsets = offsets;
    }
    return transactions_send_offsets(&o->transactions, o->offsets, o->group, error);
}

enum transaction_result outlet_commit(struct outlet *o, struct error *error)
{
    char text[KAFKA_ERROR_SIZE];
    rd_kafka_poll(o->producer->rk, 0);
    enum transaction_result result = transactions_commit(&o->transactions, &o->producer->refused, error);
    if (result != TRANSACTION_DONE && o->producer->failure)
        error_set(error, "cannot write to the Kafka topic '%s': %s", o->settings->topic.name,
                  kafka_describe(o->producer->failure, text));
    return result;
}

int64_t outlet_begun(const struct outlet *o)
{
    return o->transactions.begun;
}
