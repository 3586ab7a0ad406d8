#include "errors.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The settings of a topic by which Kafka refuses a record. */
static const char *record_advice(rd_kafka_resp_err_t err)
{
    if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE)
        return " (see the topic's max.message.bytes)";
    if (err == RD_KAFKA_RESP_ERR_INVALID_RECORD)
        return " (a topic with cleanup.policy=compact needs a key)";
    if (err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP)
        return " (see the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms, and the clocks)";
    return "";
}

bool kafka_error_is_permanent(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE || err == RD_KAFKA_RESP_ERR__INVALID_ARG;
}

/* Options of kafka-acls.sh; NULL for an error that is not about rights. */
static const char *right_advice(rd_kafka_resp_err_t err)
{
    if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return "--producer --topic TOPIC (exactly-once and consumers: --operation Read too)";
    if (err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        return "--operation Read --group ID";
    if (err == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        return "--operation Write --operation Describe --transactional-id ID";
    if (err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        return "--operation IdempotentWrite --cluster";
    return NULL;
}

const char *kafka_describe(rd_kafka_resp_err_t err, char text[static KAFKA_ERROR_SIZE])
{
    const char *advice = right_advice(err);
    snprintf(text, KAFKA_ERROR_SIZE, "%s%s%s", rd_kafka_err2str(err),
             advice ? ": grant this user the right with kafka-acls.sh --add --allow-principal User:NAME "
                    : record_advice(err),
             advice ? advice : "");
    return text;
}

const char *kafka_explain(rd_kafka_resp_err_t err, const char *own, char text[static KAFKA_ERROR_SIZE])
{
    return right_advice(err) ? kafka_describe(err, text) : own;
}

/* librdkafka repeats its nonce before 2.6.1, which Kafka 4 refuses (librdkafka's pull request 4895). */
static const char *scram_advice(void)
{
    return rd_kafka_version() < 0x020601ff
               ? ": check sasl.username and sasl.password; with Kafka 4, SCRAM needs librdkafka 2.6.1 or newer: use PLAIN over TLS or a client certificate"
               : ": check sasl.username and sasl.password";
}

const char *kafka_log_advice(const char *text)
{
    static const char *const known[][2] = {
        {"credentials with SASL mechanism SCRAM", NULL},
        {"invalid_token",
         ": Kafka refuses the token: check for whom --token-command gets it, and the clocks"},
        {"SASL authentication error", ": check sasl.username, sasl.password and sasl.mechanism"},
        {"might be caused by incorrect security.protocol", ": does it want TLS or a login?"},
        {"Unsupported SASL mechanism", ": set sasl.mechanism to one of those"},
        {"sslv3 alert bad certificate",
         ": the broker asks for a client certificate that it trusts: set ssl.certificate.location and ssl.key.location"},
        {"alert certificate required",
         ": the broker asks for a client certificate: set ssl.certificate.location and ssl.key.location"},
        {"alert unknown ca",
         ": the broker does not trust the CA of the certificate in ssl.certificate.location"},
        {"alert certificate expired", ": the certificate in ssl.certificate.location has expired"},
    };
    for (size_t i = 0; i < COUNT(known); i++)
        if (strstr(text, known[i][0]))
            return known[i][1] ? known[i][1] : scram_advice();
    return "";
}

int kafka_check_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *verdict, int depth,
                            const char *certificate, size_t size, char *reason, size_t reason_size,
                            void *opaque)
{
    (void)rk, (void)id, (void)depth, (void)certificate, (void)size, (void)opaque;
    const char *advice = "set ssl.ca.location to the certificate of the CA that has signed it";
    if (*verdict == X509_V_OK)
        return 1;
    if (*verdict == X509_V_ERR_CERT_HAS_EXPIRED || *verdict == X509_V_ERR_CERT_NOT_YET_VALID)
        advice = "renew it on the broker, or correct this machine's clock";
    else if (*verdict == X509_V_ERR_HOSTNAME_MISMATCH || *verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        advice = "name the broker as its certificate does, in --brokers and in its advertised.listeners";
    snprintf(reason, reason_size, "the certificate of %s is refused: %s: %s", broker,
             X509_verify_cert_error_string(*verdict), advice);
    return 0;
}
