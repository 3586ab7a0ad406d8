#!/usr/bin/env bash
# Starts a private Mosquitto, a private single-node Kafka, or both, in the foreground.
#
# Usage: scripts/brokers.sh [--state DIR] [--mqtt-port PORT] [--kafka-port PORT] [--mqtt-host HOST] [--kafka-host HOST]
#
#   --mqtt-port PORT   start Mosquitto on this port; 0 chooses a free one
#   --kafka-port PORT  start Kafka on this port; 0 chooses a free one
#   --kafka-proxied-port PORT:PROXY
#                      Kafka listens on PORT too, for a proxy: its clients are told that the broker is at PROXY
#   --mqtt-max-qos QOS Mosquitto accepts and grants no more than this
#   --mqtt-host HOST, --kafka-host HOST
#                      the loopback address to listen on (default 127.0.0.1)
#   --state DIR        keep data, logs and process ids in DIR/mosquitto and DIR/kafka
#                      (default: ROOMSTREAM_STATE, or var/ in the checkout)
#
# When the brokers answer, it prints one line on the standard output, for example
#   ready mqtt=127.0.0.1:1883 kafka=127.0.0.1:9092
# SIGTERM or Ctrl-C stops Mosquitto, then Kafka; a second one kills them. When a broker ends by itself, the other one is
# stopped too. Exit status: 0 stopped by a signal, 1 a broker did not start or ended by itself, 2 used wrongly.

# shellcheck disable=SC2317  # functions that traps and wait_until call
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$root/scripts/lib/process.sh"
. "$root/scripts/lib/lock.sh"
. "$root/scripts/lib/python.sh"
. "$root/scripts/lib/net.sh"
. "$root/scripts/lib/mosquitto.sh"
. "$root/scripts/lib/kafka.sh"

parse_arguments() {
    folder=$state mqtt_host=127.0.0.1 mqtt_port='' kafka_host=127.0.0.1 kafka_port='' kafka_proxied_port='' mqtt_max_qos=''
    while (($#)); do
        [[ $1 != -h && $1 != --help ]] || { show_usage && exit; }
        case $1 in
            --state | --mqtt-port | --kafka-port | --kafka-proxied-port | --mqtt-max-qos | --mqtt-host | --kafka-host) need_value "$@" ;;
            *) misuse "unknown argument '$1'" ;;
        esac
        case $1 in
            --state) folder=$(realpath -m -- "$2") ;;
            --mqtt-port) mqtt_port=$2 ;;
            --kafka-port) kafka_port=$2 ;;
            --kafka-proxied-port) kafka_proxied_port=$2 ;;
            --mqtt-max-qos) mqtt_max_qos=$2 ;;
            --mqtt-host) mqtt_host=$2 ;;
            --kafka-host) kafka_host=$2 ;;
        esac
        shift 2
    done
    [[ $mqtt_port || $kafka_port ]] || misuse "nothing to start: give --mqtt-port, --kafka-port or both"
    local port host
    for port in "$mqtt_port" "$kafka_port"; do
        [[ $port =~ ^(0|[1-9][0-9]{0,4}|)$ && ${port:-0} -le 65535 ]] || misuse "'$port' is not a port"
    done
    [[ $kafka_proxied_port =~ ^([1-9][0-9]*:[1-9][0-9]*|)$ ]] || misuse "'$kafka_proxied_port' is not PORT:PROXY"
    [[ $mqtt_max_qos =~ ^[0-2]?$ ]] || misuse "'$mqtt_max_qos' is none of 0, 1, 2"
    for host in "$mqtt_host" "$kafka_host"; do
        is_local "$host" || misuse "'$host' is not a loopback address: a private broker has no password"
    done
}

stop_brokers() {
    set +e
    trap 'kill -KILL "${stopping[@]}" 2>/dev/null' TERM INT HUP
    disown_folders
    stop_processes 5 "the preparation of Kafka" "$foreground"
    stop_mosquitto "$folder/mosquitto"
    stop_kafka "$folder/kafka"
}

# await_broker NAME PID SECONDS LOG COMMAND...: waits until COMMAND says that the broker answers.
await_broker() {
    local name=$1 pid=$2 limit=$3 log=$4
    shift 4
    answers_or_gone() { "$@" || has_ended "$pid"; }
    wait_until "$limit" answers_or_gone "$@" || fail "$name does not answer after $limit s" "$log"
    is_running "$pid" || fail "$name ended while it started" "$log"
}

# fail MESSAGE LOG: ends the script, and shows what the broker has logged since its start.
fail() {
    local from=1
    [[ $2 != */server.log ]] || from=$kafka_log_from
    show_cause "$2" "$from"
    warn_of_full_disk "$folder"
    die "$1; its log is $2"
}

main() {
    parse_arguments "$@"
    find_python confluent_kafka || die "no python3 with the module confluent_kafka (Debian: python3-confluent-kafka)"
    trap stop_brokers EXIT
    trap 'exit 0' TERM INT HUP
    local ready=ready
    if [[ $mqtt_port ]]; then
        lock_folder "$folder/mosquitto" Mosquitto
        ((mqtt_port)) || mqtt_port=$(free_ports "$mqtt_host" 0)
        start_mosquitto "$folder/mosquitto" "$mqtt_host" "$mqtt_port" "$mqtt_max_qos"
        ready+=" mqtt=$(join_address "$mqtt_host" "$mqtt_port")"
    fi
    if [[ $kafka_port ]]; then
        lock_folder "$folder/kafka" Kafka
        fetch_kafka
        ((kafka_port)) || kafka_port=$(free_ports "$kafka_host" 0)
        start_kafka "$folder/kafka" "$kafka_host" "$kafka_port" "$kafka_proxied_port"
        ready+=" kafka=$(join_address "$kafka_host" "$kafka_port")"
    fi
    [[ -z $mqtt_port ]] || await_broker Mosquitto "$mosquitto_pid" 20 "$folder/mosquitto/mosquitto.log" \
        mosquitto_answers "$mqtt_host" "$mqtt_port"
    [[ -z $kafka_port ]] || await_broker Kafka "$kafka_pid" 90 "$folder/kafka/log/server.log" \
        kafka_answers "$kafka_host" "$kafka_port"
    echo "$ready"

    await_any
    describe_status "$status"
    if [[ $ended == "${mosquitto_pid:-}" ]]; then
        fail "Mosquitto $described" "$folder/mosquitto/mosquitto.log"
    else
        fail "Kafka $described" "$folder/kafka/log/server.log"
    fi
}

main "$@"
