/* Inside lib/kafka: what to do about connections that fail. */
#ifndef ROOMSTREAM_KAFKA_ERROR_H
#define ROOMSTREAM_KAFKA_ERROR_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

/* What to do about a log line of librdkafka's: ": " and a sentence, or "". */
const char *kafka_log_advice(const char *text);

/* For rd_kafka_conf_set_ssl_cert_verify_cb: accepts what OpenSSL accepts, and says what is wrong with the
 * rest, which librdkafka's own message does not. On librdkafka's threads. */
int kafka_check_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *verdict, int depth,
                            const char *certificate, size_t size, char *reason, size_t reason_size,
                            void *opaque);

#endif
