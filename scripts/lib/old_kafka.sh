# An Apache Kafka before 4.0, for tests of the bridge, and of SCRAM where librdkafka is too old for a newer Kafka.
# Needs common.sh and process.sh.
# shellcheck shell=bash

. "$root/scripts/lib/jars.sh"

old_kafka_jars=${ROOMSTREAM_OLD_KAFKA_JARS:-$state/old-kafka-jars}

fetch_old_kafka() { fetch_jars "Apache Kafka 3.9 (50 MB)" "$root/tests/old-kafka/pom.xml" "$old_kafka_jars"; }
