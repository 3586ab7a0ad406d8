/* The producer of the records and its transactions. One producer after the other: after a failure another one
 * takes over, which fences what is still on its way from the last (kafka/transactions.h). One thread.
 *
 * Lifecycle: outlet_open; outlet_init until it is done; then for each transaction outlet_begin, outlet_put,
 * outlet_send_offsets, outlet_commit; outlet_replace after TRANSACTION_ABORT, TRANSACTION_REPLACE and
 * TRANSACTION_FENCED, then outlet_init again; outlet_close. */
#ifndef ROOMSTREAM_ESTIMATE_OUTLET_H
#define ROOMSTREAM_ESTIMATE_OUTLET_H

#include "settings.h"

#include "kafka/transactions.h"

struct outlet;

/* The settings outlive it. NULL with *error on a bad configuration. */
struct outlet *outlet_open(const struct estimate_settings *settings, struct error *error);
void outlet_close(struct outlet *outlet);

/* False with *error as outlet_open. */
bool outlet_replace(struct outlet *outlet, struct error *error);

/* Makes sure of the topic and of the coordinator. */
enum transaction_result outlet_init(struct outlet *outlet, struct error *error);

/* TRANSACTION_REPLACE also where a request of the last transaction may still arrive. */
enum transaction_result outlet_begin(struct outlet *outlet, struct error *error);

/* Hands a record over, waiting for room where there is none. TRANSACTION_ABORT when it is not taken. */
enum transaction_result outlet_put(struct outlet *outlet, const char *record, size_t length,
                                   struct error *error);

/* These take the list; made again with NULL after TRANSACTION_BUSY and TRANSACTION_FAILED they go on with it.
 */
enum transaction_result outlet_send_offsets(struct outlet *outlet, rd_kafka_topic_partition_list_t *offsets,
                                            struct error *error);
enum transaction_result outlet_commit(struct outlet *outlet, struct error *error);

/* When the last transaction began; monotonic ns, 0: none did. */
int64_t outlet_begun(const struct outlet *outlet);

#endif
