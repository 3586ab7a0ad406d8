# HiveMQ Community Edition, another MQTT broker that the tests run on. Needs common.sh and process.sh.
# shellcheck shell=bash

. "$root/scripts/lib/jars.sh"

hivemq_jars=${ROOMSTREAM_HIVEMQ_JARS:-$state/hivemq-jars}

fetch_hivemq() { fetch_jars "HiveMQ Community Edition (100 MB)" "$root/tests/hivemq/pom.xml" "$hivemq_jars"; }
