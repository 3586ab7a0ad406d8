# One private Kafka broker (KRaft) in a folder of its own: DIR/server.properties, data/, log/, kafka.out, pid, port.
# Needs common.sh, process.sh and net.sh.
# shellcheck shell=bash

. "$root/scripts/lib/jars.sh"

# The jars are the same for every broker: several state folders can share them.
kafka_jars=${ROOMSTREAM_KAFKA_JARS:-$state/kafka-jars}

fetch_kafka() { fetch_jars "Apache Kafka (60 MB)" "$root/config/kafka/pom.xml" "$kafka_jars"; }

# java_command: sets java to a command line for Kafka's classes; KAFKA_OPTS adds to it, as in Kafka's own scripts. The
# heap is bounded: a full one ends the broker, with a message in kafka.out, instead of leaving it half alive.
java_command() {
    # shellcheck disable=SC2206  # several options
    java=("${JAVA_HOME:+$JAVA_HOME/bin/}java" -Xmx384m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError
        ${KAFKA_OPTS:-} "-Dlog4j2.configurationFile=$root/config/kafka/log4j2.xml" -cp "$kafka_jars/*")
}

# start_kafka DIR HOST PORT [PROXIED:PROXY]: starts it and sets kafka_pid, and kafka_log_from to where its part of
# log/server.log begins; it does not answer yet. The first start in DIR formats it. Clients at the port PROXIED are told
# that the broker is at the port PROXY.
start_kafka() {
    local dir=$1 address listeners advertised java
    refuse_links "$dir/server.properties" "$dir/kafka.out" "$dir/pid" "$dir/port"
    address=$(join_address "$2" "$3")
    advertised=CLIENT://$address
    listeners=$advertised
    if [[ ${4:-} ]]; then
        listeners+=,PROXIED://$(join_address "$2" "${4%:*}")
        advertised+=,PROXIED://$(join_address "$2" "${4#*:}")
    fi
    controller=$(join_address "$2" "$(free_ports "$2" 0)")
    java_command
    {
        cat "$root/config/kafka/server.properties"
        printf '\nlisteners=%s,CONTROLLER://%s\n' "$listeners" "$controller"
        printf 'advertised.listeners=%s\n' "$advertised"
        printf 'controller.quorum.voters=1@%s\n' "$controller"
    } >"$dir/server.properties"
    [[ -d $dir/data ]] || format_kafka "$dir"
    # shellcheck disable=SC2034  # for brokers.sh
    kafka_log_from=$(($(stat -c %s -- "$dir/log/server.log" 2>/dev/null || echo 0) + 1))
    start_tied env -C "$dir" "${java[@]}" kafka.Kafka server.properties >"$dir/kafka.out" 2>&1
    kafka_pid=$started
    echo "$kafka_pid" >"$dir/pid"
    echo "$3" >"$dir/port"
}

# format_kafka DIR: formats another folder and renames it, so that an interruption leaves no half-formatted one.
format_kafka() {
    local dir=$1 cluster
    # 16 random bytes in the alphabet for URLs: Kafka's form of a UUID. A leading '-' would look like an option.
    cluster=r$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)
    rm -rf "$dir/format"
    mkdir "$dir/format"
    if ! run_tied env -C "$dir/format" "${java[@]}" kafka.tools.StorageTool format \
        --cluster-id "$cluster" --config ../server.properties >"$dir/kafka.out" 2>&1; then
        show_cause "$dir/kafka.out"
        warn_of_full_disk "$dir"
        die "Kafka's data folder $dir/data could not be formatted"
    fi
    mv "$dir/format/data" "$dir/data"
    rm -rf "$dir/format"
}

# kafka_answers HOST PORT
kafka_answers() { probe kafka "$(join_address "$1" "$2")"; }

# stop_kafka DIR: if it was started.
stop_kafka() {
    [[ ${kafka_pid:-} ]] || return 0
    stop_processes 30 Kafka "$kafka_pid"
    rm -f "$1/pid" "$1/port"
}
