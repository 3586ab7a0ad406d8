#include "java_properties.h"

#include "jaas.h"
#include "pem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Java's name, and librdkafka's. */
static const char *const renamed[][2] = {
    {"fetch.max.wait.ms", "fetch.wait.max.ms"},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
    {"send.buffer.bytes", "socket.send.buffer.bytes"},
};

/* What librdkafka does not need. A name that ends in a dot covers all names that begin with it. */
static const char *const of_others[] = {
    "allow.auto.create.topics", /* librdkafka: consumers only, and off */
    "auto.include.jmx.reporter",
    "auto.register.schemas",
    "basic.auth.",
    "bearer.auth.",
    "buffer.memory",
    "client.dns.lookup",
    "confluent.",
    "default.api.timeout.ms",
    "enable.metrics.push",
    "exclude.internal.topics",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "key.subject.name.strategy",
    "max.block.ms",
    "max.poll.records",
    "max.request.size",
    "metadata.max.idle.ms",
    "metadata.recovery.",
    "metric.reporters",
    "metrics.",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "partitioner.class",
    "partitioner.ignore.keys",
    "retry.backoff.max.ms",
    "sasl.client.callback.handler.class",
    "sasl.login.",
    "schema.registry.",
    "security.providers",
    "socket.connection.setup.timeout.max.ms",
    "specific.avro.reader",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.keymanager.algorithm",
    "ssl.protocol",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "ssl.trustmanager.algorithm",
    "ssl.truststore.password",
    "use.latest.version",
    "value.deserializer",
    "value.serializer",
    "value.subject.name.strategy",
};

static bool is_of_others(const char *name)
{
    for (size_t i = 0; i < COUNT(of_others); i++) {
        size_t length = strlen(of_others[i]);
        bool prefix = of_others[i][length - 1] == '.';
        if (prefix ? strncmp(name, of_others[i], length) == 0 : strcmp(name, of_others[i]) == 0)
            return true;
    }
    return false;
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *error)
{
    char reason[512];
    return rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK ||
           error_set(error, "%s", reason);
}

static bool set_login(rd_kafka_conf_t *conf, const char *value, struct error *error)
{
    struct jaas_login login;
    bool ok = jaas_read(value, &login, error) && set(conf, "sasl.username", login.username, error) &&
              set(conf, "sasl.password", login.password, error);
    explicit_bzero(&login, sizeof login);
    return ok;
}

/* Whether a store is a PEM file (Java's store type PEM). */
static bool holds_pem(const char *path, bool *pem, struct error *error)
{
    char head[4096];
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(error, "cannot read %s: %s", path, strerror(errno));
    size_t length = fread(head, 1, sizeof head, file);
    *pem = memmem(head, length, "-----BEGIN ", 11) != NULL;
    fclose(file);
    return true;
}

static bool set_trusted(rd_kafka_conf_t *conf, const char *path, struct error *error)
{
    bool pem;
    if (!holds_pem(path, &pem, error))
        return false;
    return pem ? set(conf, "ssl.ca.location", path, error)
               : error_set(
                     error,
                     "a Java truststore cannot be read here: run 'keytool -list -rfc -keystore %s > ca.pem' and set ssl.ca.location=ca.pem instead",
                     path);
}

static bool set_own_certificate(rd_kafka_conf_t *conf, const char *path, struct error *error)
{
    bool pem;
    if (!holds_pem(path, &pem, error))
        return false;
    return pem ? set(conf, "ssl.certificate.location", path, error) &&
                     set(conf, "ssl.key.location", path, error)
               : set(conf, "ssl.keystore.location", path, error); /* PKCS#12 */
}

/* PEM text in the file itself. */
static bool set_pem(rd_kafka_conf_t *conf, const char *name, const char *value, size_t most,
                    struct error *error)
{
    size_t count;
    char *lines = pem_lines(value, &count);
    bool ok = lines ||
              error_set(error, "not PEM text, which begins with -----BEGIN and ends with -----END ...-----");
    if (ok && count > most)
        ok = error_set(
            error,
            "%zu blocks, of which librdkafka takes only the first: put them all into a file, and its path into %s",
            count, strcmp(name, "ssl.key.pem") == 0 ? "ssl.key.location" : "ssl.certificate.location");
    ok = ok && set(conf, name, lines, error);
    if (lines)
        explicit_bzero(lines, strlen(lines));
    free(lines);
    return ok;
}

static bool set_trusted_pem(rd_kafka_conf_t *conf, const char *value, struct error *error)
{
    return set_pem(conf, "ssl.ca.pem", value, SIZE_MAX, error);
}

static bool set_own_pem(rd_kafka_conf_t *conf, const char *value, struct error *error)
{
    return set_pem(conf, "ssl.certificate.pem", value, 1, error);
}

static bool set_key_pem(rd_kafka_conf_t *conf, const char *value, struct error *error)
{
    return set_pem(conf, "ssl.key.pem", value, 1, error);
}

/* The content shows what a store is. But an unknown type of store must not be ignored. */
static bool check_store_type(rd_kafka_conf_t *conf, const char *value, struct error *error)
{
    static const char *const types[] = {"JKS", "PKCS12", "PEM"};
    (void)conf;
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcasecmp(value, types[i]) == 0)
            return true;
    return error_set(error, "a store must be of the type PEM or PKCS12 here");
}

/* Java's spellings of values. */
static const char *translated_value(const char *name, const char *value)
{
    if (strcmp(name, "auto.offset.reset") == 0 && strcmp(value, "none") == 0)
        return "error";
    if (strcmp(name, "ssl.endpoint.identification.algorithm") == 0 && *value == '\0')
        return "none";
    if (strstr(name, ".buffer.bytes") && strcmp(value, "-1") == 0)
        return "0"; /* the system's default */
    return value;
}

bool java_property_is_ambiguous(const struct property *property)
{
    return property->escaped &&
           (strcmp(property->name, "sasl.username") == 0 || strcmp(property->name, "sasl.password") == 0 ||
            strcmp(property->name, "sasl.oauthbearer.client.secret") == 0);
}

enum java_property_result java_property_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                            struct error *error)
{
    static const struct {
        const char *name;
        bool (*set)(rd_kafka_conf_t *conf, const char *value, struct error *error);
    } own_ways[] = {{"sasl.jaas.config", set_login},
                    {"ssl.truststore.location", set_trusted},
                    {"ssl.truststore.certificates", set_trusted_pem},
                    {"ssl.truststore.type", check_store_type},
                    {"ssl.keystore.location", set_own_certificate},
                    {"ssl.keystore.certificate.chain", set_own_pem},
                    {"ssl.keystore.key", set_key_pem},
                    {"ssl.keystore.type", check_store_type}};
    char reason[512];
    for (size_t i = 0; i < COUNT(own_ways); i++)
        if (strcmp(name, own_ways[i].name) == 0)
            return own_ways[i].set(conf, value, error) ? JAVA_PROPERTY_SET : JAVA_PROPERTY_WRONG;
    value = translated_value(name, value);
    for (size_t i = 0; i < COUNT(renamed); i++)
        if (strcmp(name, renamed[i][0]) == 0)
            name = renamed[i][1];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, reason, sizeof reason);
    if (result == RD_KAFKA_CONF_OK)
        return JAVA_PROPERTY_SET;
    if (result == RD_KAFKA_CONF_UNKNOWN && is_of_others(name))
        return JAVA_PROPERTY_LEFT_OUT;
    error_set(error, "%s", reason);
    return JAVA_PROPERTY_WRONG;
}
