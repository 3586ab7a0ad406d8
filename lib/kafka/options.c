#include "client.h"
#include "topic.h"

#define FIELD(name) offsetof(struct kafka_settings, name)

static const struct option_spec specs[] = {
    OPT_TEXT('b', "brokers", FIELD(brokers), "HOST:PORT,...", "Kafka's bootstrap servers",
             .fallback = "localhost:9092", .env = "KAFKA_BOOTSTRAP_SERVERS", .property = "bootstrap.servers"),
    OPT_PROPERTIES(
        'X', "kafka-property", FIELD(properties), "NAME=VALUE",
        "a librdkafka property; may be given several times. In a configuration file, a name with a dot is one, and acks, debug, partitioner, retries",
        .dotted_keys = true),
    OPT_TEXT(
        'F', "kafka-config", FIELD(config_file), "FILE",
        "a file of such properties: one of Java's clients unchanged, such as Confluent Cloud's client.properties, "
        "or an ini file with a [default] section ([producer] and [consumer] count too) and its values as they stand; "
        "all else goes before it",
        .properties_file = true),
    OPT_TEXT(
        0, "token-command", FIELD(token_command), "COMMAND",
        "log in by the token that this command prints (SASL OAUTHBEARER); it runs without a shell, again before the token expires"),
    OPT_DURATION(0, "token-timeout", FIELD(token_timeout), "30s", RANGE(0.1, 300),
                 "how long the command may take"),
};

struct option_group kafka_options(struct kafka_settings *settings)
{
    return OPTION_GROUP("Kafka", "kafka", specs, settings);
}

#define TOPIC_FIELD(name) offsetof(struct kafka_topic_settings, name)

static const struct option_spec topic_specs[] = {
    OPT_INTEGER(0, "partitions", TOPIC_FIELD(partitions), "N", "-1", RANGE(-1, 1000000),
                "its partitions; -1 is the broker's default"),
    OPT_INTEGER(0, "replication", TOPIC_FIELD(replication), "N", "-1", RANGE(-1, 32767),
                "its replication factor; -1 is the broker's default"),
    OPT_PROPERTIES(0, "topic-config", TOPIC_FIELD(config), "NAME=VALUE",
                   "a setting of it, such as retention.ms=86400000; may be given several times"),
};

struct option_group kafka_topic_options(struct kafka_topic_settings *settings)
{
    return OPTION_GROUP("A Kafka topic that is created", "new-topic", topic_specs, settings);
}
