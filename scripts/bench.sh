#!/usr/bin/env bash
# Measures the programs against what their libraries can do at best, in the same run on the same private brokers:
# medians and spread over rounds, after a warm-up of Kafka that does not count.
#
# Usage: scripts/bench.sh [OPTION]... [MEASUREMENT]...
#
#   limits      librdkafka into the same Kafka, and the file system's append
#   drain       a backlog in a session of the MQTT broker, into Kafka; beside a Paho subscriber that does nothing, and
#               one that only hands over to librdkafka: a bridge that stores nothing and promises nothing
#   growth      the same drain with fewer and more messages, larger ones, many topics, several bridges
#   six         six bridges with a backlog each, at once
#   live        publisher, broker, bridge and Kafka together; beside the same subscriber
#   latency     from the publisher to a Kafka consumer, at 20, 1,000 and 10,000 messages a second; beside the same
#               through a bridge that promises nothing
#   publisher   publish --fast; beside a bare Paho loop and mosquitto_pub
#   subscriber  subscribe; beside mosquitto_sub
#   kafka       kafka-produce and kafka-consume; beside kcat
#   csv         readings from a CSV file; beside libcsv's bare loop
#   idle        CPU of a bridge without messages
#   script      the bridge that one writes first in Python: its rate, and what kills of it and of ours lose and double
#   start       from exec to subscribed and to the first delivery
#   outage      catching up after Kafka was away
#   routes      1,000 Kafka topics by one bridge; beside one topic. 10,000 routes: parsed, found, subscribed to, given up
#   store       a topic into SQLite and PostgreSQL; beside a bare loop of prepared inserts, a bare COPY, and a consumer
#               that drops; and beside Telegraf, where that is installed
#   store-backlog  the same with more messages: the rate of each tenth, and the memory
#   store-latency  from the producer to a committed row, at 20 messages a second
#   dashboard   a day of six topics: until it is read and drawn in Chromium; CPU at 20 messages a second without and
#               with 200 pages
#   dashboard-memory  the same topics with more messages: rate and memory
#
# Without a name, all of them.
#
#   --rounds N           how often (default 3)
#   --messages N         messages of a drain (default 200,000)
#   --outage-messages N  messages that wait after the outage (default 1,000,000)
#   --backlog-messages N messages of store-backlog (default 5,000,000)
#   --history-messages N messages of dashboard-memory (default 10,000,000)
#   --receive-maximum N  of the exactly-once drain, both sides (default 1: Mosquitto 2.0.11 respects no other)
#   --idle-seconds S     how long an idle bridge is watched (default 20)
#   --json               all values as one line of JSON instead of the table
#
# It installs what is missing and builds in build/. Everything listens on 127.0.0.1 and lives in a temporary folder.
# Other programs on the machine disturb it, so compare the ratios. Exit status: 0 measured, 1 something failed, 2
# used wrongly.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$root/scripts/lib/process.sh"
. "$root/scripts/lib/lock.sh"
. "$root/scripts/lib/python.sh"
. "$root/scripts/lib/install.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/kafka.sh"

main() {
    [[ ${1:-} != -h && ${1:-} != --help ]] || { show_usage && exit; }
    install_needs "$needs_to_run"
    install_needs "$needs_to_test"
    fetch_kafka
    export ROOMSTREAM_KAFKA_JARS=$kafka_jars
    build_preset release -DROOMSTREAM_BENCH=ON
    find_python confluent_kafka || die "no python3 with the module confluent_kafka (Debian: python3-confluent-kafka)"
    export ROOMSTREAM_BIN=$root/build/bin PYTHONPATH=$root/bench:$root/tests/flow PYTHONDONTWRITEBYTECODE=1
    exec "$python" "$root/bench/bench.py" "$@"
}

main "$@"
