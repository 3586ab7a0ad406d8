#include "client.h"
#include "topic.h"

static const struct option_spec specs[] = {
    {.name = "brokers",
     .letter = 'b',
     .kind = OPTION_TEXT,
     .argument = "HOST:PORT,...",
     .fallback = "localhost:9092",
     .env = "KAFKA_BOOTSTRAP_SERVERS",
     .property = "bootstrap.servers",
     .offset = offsetof(struct kafka_settings, brokers),
     .help = "Kafka's bootstrap servers"},
    {.name = "kafka-property",
     .letter = 'X',
     .kind = OPTION_PROPERTIES,
     .argument = "NAME=VALUE",
     .dotted_keys = true,
     .offset = offsetof(struct kafka_settings, properties),
     .help = "a librdkafka property; may be given several times. In a configuration file, a name with a dot "
             "is one"},
    {.name = "kafka-config",
     .letter = 'F',
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .properties_file = true,
     .offset = offsetof(struct kafka_settings, config_file),
     .help = "a file of such properties: one of Java's clients unchanged, such as Confluent Cloud's "
             "client.properties, or an ini file with a [default] section ([producer] and [consumer] count "
             "too) and its values as they stand; all else goes before it"},
};

struct option_group kafka_options(struct kafka_settings *settings)
{
    return (struct option_group){"Kafka", "kafka", specs, sizeof specs / sizeof *specs, settings};
}

static const struct option_spec topic_specs[] = {
    {.name = "partitions",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .fallback = "-1",
     .minimum = -1,
     .maximum = 1000000,
     .offset = offsetof(struct kafka_topic_settings, partitions),
     .help = "its partitions; -1 is the broker's default"},
    {.name = "replication",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .fallback = "-1",
     .minimum = -1,
     .maximum = 32767,
     .offset = offsetof(struct kafka_topic_settings, replication),
     .help = "its replication factor; -1 is the broker's default"},
    {.name = "topic-config",
     .kind = OPTION_PROPERTIES,
     .argument = "NAME=VALUE",
     .offset = offsetof(struct kafka_topic_settings, config),
     .help = "a setting of it, such as retention.ms=86400000; may be given several times"},
};

struct option_group kafka_topic_options(struct kafka_topic_settings *settings)
{
    return (struct option_group){"A Kafka topic that is created", "new-topic", topic_specs,
                                 sizeof topic_specs / sizeof *topic_specs, settings};
}
