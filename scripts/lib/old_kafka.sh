# An Apache Kafka before 4.0, on which SCRAM is tested where librdkafka is too old for that of a newer one. Needs common.sh
# and process.sh.
# shellcheck shell=bash

. "$root/scripts/lib/jars.sh"

old_kafka_jars=${ROOMSTREAM_OLD_KAFKA_JARS:-$state/old-kafka-jars}

needs_old_kafka() { pkg-config --max-version 2.6.0 rdkafka; }
fetch_old_kafka() { fetch_jars "Apache Kafka 3.9 (50 MB)" "$root/tests/old-kafka/pom.xml" "$old_kafka_jars"; }
