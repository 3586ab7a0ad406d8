# The brokers of the pipeline, its bridges, and those who read Kafka behind them: estimate, store, downlink and
# dashboard. Sourced by run.sh, whose $mode, $run, $logs and $with_store it uses. Needs common.sh, process.sh, lock.sh,
# net.sh and kafka.sh.
# shellcheck shell=bash disable=SC2154,SC2317  # variables of others; functions that wait_until calls

mapfile -t topics < <(sed -n 's/^SENSOR(\([a-z0-9_]*\),.*/\1/p' "$root/lib/sensors.def")
declare -A names      # of the children, by process id
declare -A addresses  # where they serve HTTP, by name
declare -A called     # what the readers of Kafka are called in status, by name
declare -A unsuited   # yes: the configuration file does not suit this one
bridges=() readers=() # process ids of those who supervise them
brokers=''            # process id of brokers.sh
targets=''            # the file with the addresses
store_options=()      # none where store has a database of the user's

program_of() { echo "$1-${2//_/-}"; }

# The programs print the addresses, so that flags, environment and configuration file count as they do there.
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

# reader PROGRAM ARGUMENT...: runs a program that reads Kafka, without the configuration file where that does not suit
# it.
reader() {
    if [[ ${unsuited[$1]:-} ]]; then
        env -u ROOMSTREAM_CONFIG "$bin/$1" --brokers "$kafka_brokers" "${@:2}"
    else
        "$bin/$1" "${@:2}"
    fi
}

# read_readers: how estimate, store, downlink and dashboard are configured. Options of the bridges that stand before all
# sections of the file would be wrong use for them. Then they do not get the file.
read_readers() {
    local name reason config
    called=([estimate]='' [downlink]=downlink [dashboard]=dashboard)
    [[ -z $with_store ]] || called[store]=''
    for name in "${!called[@]}"; do
        reason=$("$bin/$name" --print-config 2>&1 >/dev/null) && continue
        [[ ${ROOMSTREAM_CONFIG:-} ]] && unsuited[$name]=yes
        reader "$name" --print-config >/dev/null || die "the configuration is wrong, see above" 2
        warn "$name gets nothing of the configuration file but Kafka's address: ${reason%%$'\n'*}"
    done
    called[estimate]=$(reader estimate --print-config | sed -n 's/^id = //p')
    [[ $with_store ]] || return 0
    config=$(reader store --print-config)
    database=$(sed -n 's/^database = //p' <<<"$config")
    called[store]=$(sed -n 's/^group = //p' <<<"$config")
    [[ -z $database ]] || return 0
    # Another store of this Kafka must not share the topics with this one: it has a database of its own.
    called[store]=store-$(cksum <<<"$HOSTNAME $state" | cut -d ' ' -f 1)
    database=sqlite:$state/readings.db
    # Its topics may be made a moment after it has begun.
    store_options=(--database "$database" --group "${called[store]}" --kafka-property topic.metadata.refresh.interval.ms=3000)
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
    # A broker of an earlier start may just be ending.
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

# accept_broker NAME ADDRESS STATUS PROBE...: reports how the probe of a broker that is not ours to start ended. One
# that is away is not an error for the bridges, which wait for it. The demo would have nothing to show.
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

# choose_addresses: a port for each program, all chosen together so that none is chosen twice: from ROOMSTREAM_HTTP_PORT
# on, and the one before it for the dashboard.
choose_addresses() {
    local index first=${ROOMSTREAM_HTTP_PORT:-9751} chosen=() programs=()
    # Kubernetes and Docker set this variable to a URL for a service called roomstream-http.
    [[ $first != *://* ]] || {
        warn "ROOMSTREAM_HTTP_PORT is ignored: '$first' is the address of a service"
        first=9751
    }
    [[ $first =~ ^[0-9]{1,5}$ ]] || die "ROOMSTREAM_HTTP_PORT: '$first' is not a port" 2
    for index in "${!topics[@]}"; do programs+=("$(program_of bridge "${topics[index]}")"); done
    programs+=(estimate ${with_store:+store} downlink dashboard)
    for index in "${!programs[@]}"; do chosen+=($((10#$first + index))); done
    chosen[-1]=$((10#$first - 1))
    mapfile -t chosen < <(free_ports 127.0.0.1 "${chosen[@]}")
    ((${#chosen[@]} == ${#programs[@]})) || die "no ports for the programs, see above"
    for index in "${!programs[@]}"; do addresses[${programs[index]}]=127.0.0.1:${chosen[index]}; done
    write_targets "${programs[@]}"
}

# write_targets PROGRAM...: writes their HTTP addresses, for status and Prometheus (its file_sd_configs).
write_targets() {
    local name entries=()
    for name; do
        entries+=("  {\"targets\": [\"${addresses[$name]}\"], \"labels\": {\"${name%%-*}\": \"${called[$name]:-$name}\"}}")
    done
    (IFS=, && printf '[\n%s\n]\n' "${entries[*]}") >"$run/bridges.json.new"
    mv "$run/bridges.json.new" "$run/bridges.json"
    targets=$run/bridges.json
    info "how they are: $bin/status, or http://${addresses[bridge-temp]}/metrics and so on; addresses in $targets"
}

# start_daemon PROGRAM ARGUMENT...: starts it supervised, and sets started. In the demo, which reads the logs, these go
# to files.
start_daemon() {
    local supervision=(--restarts "$run/restarts") arguments=("${@:2}" --http "${addresses[$1]}") environment=()
    if [[ $mode == demo ]]; then
        supervision+=(--log "$logs/$1.log")
        arguments+=(--log-level info --log-format text)
        : >"$logs/$1.log"
    fi
    if [[ ${unsuited[$1]:-} ]]; then
        environment=(-u ROOMSTREAM_CONFIG)
        arguments+=(--brokers "$kafka_brokers")
    fi
    start_tied env "${environment[@]}" "$root/scripts/lib/supervise.sh" "${supervision[@]}" "$bin/$1" "${arguments[@]}"
    names[$started]=$1
}

# start_daemons [OPTION...]: starts the bridges, each with its own spool, and the programs that read Kafka. The options
# are the dashboard's.
start_daemons() {
    local topic bridge
    : >"$run/restarts"
    choose_addresses
    for topic in "${topics[@]}"; do
        bridge=$(program_of bridge "$topic")
        start_daemon "$bridge" --spool "$state/spool/$bridge"
        bridges+=("$started")
    done
    start_daemon estimate
    readers+=("$started")
    if [[ $with_store ]]; then
        start_daemon store "${store_options[@]}"
        readers+=("$started")
    fi
    # Another downlink of this Kafka must not share the topic with this one: its MQTT broker may be another one.
    start_daemon downlink --retain --spool "$state/spool/downlink" --group "downlink-$(cksum <<<"$HOSTNAME $state" | cut -d ' ' -f 1)"
    readers+=("$started")
    start_daemon dashboard --targets "$targets" "$@"
    readers+=("$started")
    info "see the room and the pipeline at http://${addresses[dashboard]}/${store_options[0]:+; what is stored is in ${database#sqlite:}}"
}
