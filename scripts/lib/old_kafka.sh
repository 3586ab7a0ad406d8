# An Apache Kafka before 4.0, on which the bridge is tested too, and SCRAM where librdkafka is too old for that of a newer one.
# Needs common.sh and process.sh.
# shellcheck shell=bash

. "$root/scripts/lib/jars.sh"

old_kafka_jars=${ROOMSTREAM_OLD_KAFKA_JARS:-$state/old-kafka-jars}

fetch_old_kafka() { fetch_jars "Apache Kafka 3.9 (50 MB)" "$root/tests/old-kafka/pom.xml" "$old_kafka_jars"; }
