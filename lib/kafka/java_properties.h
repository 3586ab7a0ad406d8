/* Properties of Kafka's Java clients in librdkafka's terms, so that a file made for those, such as Confluent
 * Cloud's client.properties, serves unchanged. The names are those of Kafka's documentation ("Producer
 * Configs", "Consumer Configs") and of librdkafka's CONFIGURATION.md. */
#ifndef ROOMSTREAM_KAFKA_JAVA_PROPERTIES_H
#define ROOMSTREAM_KAFKA_JAVA_PROPERTIES_H

#include "core/error.h"
#include "options/property_list.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

enum java_property_result {
    JAVA_PROPERTY_SET,
    JAVA_PROPERTY_LEFT_OUT, /* it means something to other clients only */
    JAVA_PROPERTY_WRONG,    /* *error says why, in librdkafka's words where it is librdkafka's property */
};

/* True where a login of librdkafka's, whose name no Java client knows, stands in a file of Java's form with a
 * backslash in it: other programs on librdkafka take such a file verbatim, so nobody can say what it is. */
bool java_property_is_ambiguous(const struct property *property);

/* Sets the property, whether its name is librdkafka's or the Java client's. */
enum java_property_result java_property_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                            struct error *error);

#endif
