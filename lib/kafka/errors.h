/* What errors of librdkafka mean, and what to do about them. */
#ifndef ROOMSTREAM_KAFKA_ERRORS_H
#define ROOMSTREAM_KAFKA_ERRORS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes into text, and returns, what err means and, for a missing right or a refused record, what to
 * check. */
enum { KAFKA_ERROR_SIZE = 320 };
const char *kafka_describe(rd_kafka_resp_err_t err, char text[static KAFKA_ERROR_SIZE]);

/* The same where a right is missing; otherwise own, librdkafka's text for this case, which says more. */
const char *kafka_explain(rd_kafka_resp_err_t err, const char *own, char text[static KAFKA_ERROR_SIZE]);

/* Does this error of a delivery report say that trying again cannot help? For one bad record a broker refuses
 * the whole batch with this error: it is certain only for a record that was alone in its batch. (A record
 * that is refused for its timestamp may be accepted with another one.) */
bool kafka_error_is_permanent(rd_kafka_resp_err_t err);

/* Inside lib/kafka: what to do about a log line of librdkafka: ": " and a sentence, or "". */
const char *kafka_log_advice(const char *text);

/* Inside lib/kafka, for rd_kafka_conf_set_ssl_cert_verify_cb: accepts what OpenSSL accepts, and says what is
 * wrong with the rest, which librdkafka's own message does not. On librdkafka's threads. */
int kafka_check_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *verdict, int depth,
                            const char *certificate, size_t size, char *reason, size_t reason_size,
                            void *opaque);

#endif
