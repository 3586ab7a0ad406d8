/* Translates properties of Kafka's Java clients for librdkafka, so that a file made for those, such as
 * Confluent Cloud's client.properties, works unchanged. The names are those of Kafka's documentation
 * ("Producer Configs", "Consumer Configs") and of librdkafka's CONFIGURATION.md. */
#ifndef ROOMSTREAM_KAFKA_JAVA_PROPERTIES_H
#define ROOMSTREAM_KAFKA_JAVA_PROPERTIES_H

#include "core/error.h"
#include "options/property_list.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

enum java_property_result {
    JAVA_PROPERTY_SET,
    JAVA_PROPERTY_LEFT_OUT, /* only other clients know it */
    JAVA_PROPERTY_WRONG,    /* *error says why, with librdkafka's text where it is librdkafka's property */
};

/* True for a user or password by librdkafka's name, which no Java client knows, with a backslash, in a file
 * of Java's form. Other programs on librdkafka read such a file literally, so its meaning is not clear. */
bool java_property_is_ambiguous(const struct property *property);

/* Sets the property, whether its name is librdkafka's or the Java client's. */
enum java_property_result java_property_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                            struct error *error);

#endif
