# The brokers of the pipeline and its bridges. Sourced by run.sh, whose $mode, $run and $logs it uses. Needs common.sh,
# process.sh, lock.sh, net.sh and kafka.sh.
# shellcheck shell=bash disable=SC2154,SC2317  # variables of others; functions that wait_until calls

mapfile -t topics < <(sed -n 's/^SENSOR(\([a-z0-9_]*\),.*/\1/p' "$root/lib/sensors.def")
declare -A names      # of the children, by process id
declare -A addresses  # of the bridges, by topic
supervisors=()        # their process ids
brokers=''            # process id of brokers.sh
targets=''            # the file with the addresses

program_of() { echo "$1-${2//_/-}"; }

# Whose addresses: the programs' own answer, so that flags, environment and configuration file count as they do there.
read_addresses() {
    local config
    config=$("$bin/bridge-temp" --print-config) || die "the configuration is wrong, see above" 2
    split_mqtt_address "$config"
    kafka_brokers=$(sed -n 's/^brokers = //p' <<<"$config")
    [[ $mqtt_host && $kafka_brokers ]] || die "$bin/bridge-temp --print-config names no host or brokers"
    mqtt_address=$(join_address "$mqtt_host" "$mqtt_port")
    [[ $mode != demo ]] || "$bin/publish-temp" "${pace[@]}" --print-config >/dev/null ||
        die "the publishers cannot be started so, see above" 2
}

# kafka_is_local: whether all of Kafka's bootstrap servers are of this machine.
kafka_is_local() {
    local address host port
    for address in ${kafka_brokers//,/ }; do
        split_address "$address" 9092
        is_local "$host" || return 1
    done
}

# find_brokers: tries what is configured, and sets private to the arguments for brokers.sh where one must be started.
find_brokers() {
    local host port status=0
    private=()
    # A broker of an earlier start may be about to end.
    settle_folder "$state/mosquitto"
    settle_folder "$state/kafka"
    probe mqtt "$mqtt_host" "$mqtt_port" || status=$?
    if ((status == 3)) && [[ $mqtt_scheme == mqtt ]] && is_local "$mqtt_host"; then
        private+=(--mqtt-host "${mqtt_host/#localhost/127.0.0.1}" --mqtt-port "$mqtt_port")
    else
        accept_broker "MQTT broker" "$mqtt_address" "$status" mqtt "$mqtt_host" "$mqtt_port"
    fi
    status=0
    probe kafka "$kafka_brokers" || status=$?
    if ((status == 3)) && kafka_is_local; then
        split_address "${kafka_brokers%%,*}" 9092
        private+=(--kafka-host "${host/#localhost/127.0.0.1}" --kafka-port "$port")
    else
        accept_broker "Kafka" "$kafka_brokers" "$status" kafka "$kafka_brokers"
    fi
}

# accept_broker NAME ADDRESS STATUS PROBE...: says how the probe of a broker that is not ours to start ended. One that is
# away is no error for the bridges, which wait for it; the demo would have nothing to show.
accept_broker() {
    case $3 in
        0) info "$1 at $2 answers" ;;
        4) info "$1 at $2 takes connections (whether it lets the programs in is theirs to find out)" ;;
        *)
            warn "$1 at $2 does not answer; nothing is started for an address of another machine or with TLS"
            if [[ $mode == demo ]]; then
                wait_until 30 probe "${@:4}" || die "the demo needs $1 at $2"
            fi ;;
    esac
}

start_private_brokers() {
    ((${#private[@]})) || return 0
    [[ " ${private[*]} " != *' --kafka-port '* ]] || fetch_kafka
    : >"$run/brokers"
    start_tied "$root/scripts/brokers.sh" --state "$state" "${private[@]}" >"$run/brokers"
    brokers=$started names[$started]="the brokers"
    wait_until 120 brokers_ready_or_gone || die "the private brokers are not ready after two minutes (see above and $state)"
    is_running "$brokers" || die "the private brokers did not start, see above"
    info "started private brokers: $(sed 's/^ready //; s/ /, /' "$run/brokers"); data and logs in $state"
}
brokers_ready_or_gone() { [[ -s $run/brokers ]] || has_ended "$brokers"; }

# Where the bridges show what they do, for status and Prometheus (its file_sd_configs).
write_targets() {
    local index topic first=${ROOMSTREAM_HTTP_PORT:-9751} chosen=() entries=()
    # So Kubernetes and Docker name a service that is called roomstream-http; nobody has meant a port with it.
    [[ $first != *://* ]] || {
        warn "ROOMSTREAM_HTTP_PORT is ignored: '$first' is the address of a service"
        first=9751
    }
    [[ $first =~ ^[0-9]{1,5}$ ]] || die "ROOMSTREAM_HTTP_PORT: '$first' is not a port" 2
    for index in "${!topics[@]}"; do chosen+=($((first + index))); done
    mapfile -t chosen < <(free_ports 127.0.0.1 "${chosen[@]}")
    ((${#chosen[@]} == ${#topics[@]})) || die "no ports for the bridges, see above"
    for index in "${!topics[@]}"; do
        topic=${topics[index]}
        addresses[$topic]=127.0.0.1:${chosen[index]}
        entries+=("  {\"targets\": [\"${addresses[$topic]}\"], \"labels\": {\"bridge\": \"$(program_of bridge "$topic")\"}}")
    done
    (IFS=, && printf '[\n%s\n]\n' "${entries[*]}") >"$run/bridges.json.new"
    mv "$run/bridges.json.new" "$run/bridges.json"
    targets=$run/bridges.json
    info "how the bridges are: $bin/status, or http://${addresses[temp]}/metrics and so on; addresses in $targets"
}

# start_bridges: supervised, each with a spool of its own. In the demo, which reads their logs, these go to files.
start_bridges() {
    local topic bridge supervision logging=()
    : >"$run/restarts"
    write_targets
    for topic in "${topics[@]}"; do
        bridge=$(program_of bridge "$topic") supervision=(--restarts "$run/restarts")
        if [[ $mode == demo ]]; then
            supervision+=(--log "$logs/$bridge.log")
            logging=(--log-level info --log-format text)
            : >"$logs/$bridge.log"
        fi
        start_tied "$root/scripts/lib/supervise.sh" "${supervision[@]}" \
            "$bin/$bridge" --spool "$state/spool/$bridge" --http "${addresses[$topic]}" "${logging[@]}"
        supervisors+=("$started") names[$started]=$bridge
    done
}

# How many people are in the room; it announces its HTTP port by itself.
start_estimate() {
    start_tied "$root/scripts/lib/supervise.sh" --restarts "$run/restarts" "$bin/estimate" --http 0
    supervisors+=("$started") names[$started]=estimate
}
