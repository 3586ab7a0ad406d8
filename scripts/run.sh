#!/usr/bin/env bash
# Starts the pipeline: MQTT messages of six sensors, carried to Kafka by six bridges.
#
# Usage: scripts/run.sh [--config FILE]             the bridges, until Ctrl-C or SIGTERM
#        scripts/run.sh --brokers [--config FILE]   only the brokers, until Ctrl-C or SIGTERM
#        scripts/run.sh --demo [--config FILE] [--data FILE] [--fast | --speed X | --rate N]
#                                                   the bridges and the publishers; ends with a count of what arrived
#
#   --config FILE  options of the programs, as in their --config: those of one kind of program under [bridge], [publish]
#                 or a heading of their --help, such as [kafka]
#   --data FILE    replay this CSV file (default: the sample, data/occupancy-sample.csv)
#   --fast         replay as fast as the brokers take it
#   --speed X      X seconds of recorded time in one second (default 300, pauses cut to a minute: the sample takes half a
#                  minute)
#   --rate N       N messages a second from each publisher
#   -h, --help     print this and exit
#
# It installs what is missing (apt-get, as root or by sudo; it says what and why first) and builds. The brokers are those
# at MQTT_HOST (localhost), MQTT_PORT (1883) and KAFKA_BOOTSTRAP_SERVERS (localhost:9092), or in the configuration file.
# Where nothing answers at an address of this machine, it starts a private broker there; for other machines it never does.
# A bridge that dies is started again. Data, spools and logs are kept in ROOMSTREAM_STATE (default: var/ in the checkout).
# With ROOMSTREAM_BIN, a folder of built programs, nothing is built.
#
# Each bridge shows what it does over HTTP, at 127.0.0.1 and the ports from ROOMSTREAM_HTTP_PORT (9751) on, or any others where
# those are taken: build/bin/status asks them all, and Prometheus finds them by config/prometheus.yml.
#
# The demo counts in Kafka itself, by sequence number. Exit status: 0 every message arrived exactly once and in order (or,
# where a bridge died and was started again, at least once), 1 not so, or something failed, 2 used wrongly, 130 or
# 143 interrupted. The bridges and brokers alone: 0 after Ctrl-C or SIGTERM. A second Ctrl-C does not wait for what is
# still on its way: it stays in the spools.

# shellcheck disable=SC2317  # functions that traps and wait_until call
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$root/scripts/lib/process.sh"
. "$root/scripts/lib/lock.sh"
. "$root/scripts/lib/python.sh"
. "$root/scripts/lib/net.sh"
. "$root/scripts/lib/install.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/kafka.sh"

mapfile -t topics < <(sed -n 's/^SENSOR(\([a-z0-9_]*\),.*/\1/p' "$root/lib/sensors.def")
run=$state/run  # what only matters while this script runs
logs=$state/log
supervisors=() publishers=() counter='' brokers='' targets=''
asked=''  # yes: a signal asked for the end
declare -A addresses  # of the bridges, by topic
declare -A names  # of the children, by process id

parse_arguments() {
    mode=bridges data='' pace=()
    while (($#)); do
        case $1 in
            -h | --help) show_usage && exit ;;
            --demo | --brokers) set_mode "${1#--}" ;;
            --fast) set_pace --fast ;;
            --speed | --rate) need_value "$@" && check_pace "$1" "$2" && set_pace "$1" "$2" && shift ;;
            --data) need_value "$@" && data=$2 && shift ;;
            --config) need_value "$@" && export ROOMSTREAM_CONFIG=$2 && shift ;;
            *) misuse "unknown argument '$1'" ;;
        esac
        shift
    done
    [[ $mode == demo || (-z $data && ${#pace[@]} -eq 0) ]] || misuse "--data, --fast, --speed and --rate go with --demo"
    [[ -z $data || -e $data ]] || misuse "--data: there is no $data (scripts/fetch-data.sh downloads the real data set to data/occupancy.csv)"
    [[ -z $data || -r $data ]] || misuse "--data: cannot read $data"
    [[ -z $data || -f $data ]] || misuse "--data: $data is not a file (each of the six publishers reads all of it)"
    data=$(realpath -- "${data:-$root/data/occupancy-sample.csv}")
    ((${#pace[@]})) || pace=(--speed 300 --max-gap 60s)
}
set_mode() {
    [[ $mode == bridges ]] || misuse "--demo and --brokers exclude each other"
    mode=$1
}
# For the programs, which judge the rest, a rate of 0 is as good as none given.
check_pace() { [[ $1 != --rate || ${2%%[eE]*} == *[1-9]* ]] || misuse "--rate: '$2' is not a number above 0"; }
set_pace() {
    ((${#pace[@]} == 0)) || misuse "--fast, --speed and --rate exclude each other"
    pace=("$@")
}

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

# What is published before the broker knows a bridge's session would never reach it. Sets unsubscribed to a topic without. Waiting
# does not help where the broker refuses a bridge, which is the error of its log then.
bridges_are_subscribed() {
    for unsubscribed in "${topics[@]}"; do
        grep -q ' subscribed to ' "$logs/$(program_of bridge "$unsubscribed").log" || return 1
    done
}
bridges_are_subscribed_or_refused() {
    bridges_are_subscribed || grep -q ' error: ' "$logs/$(program_of bridge "$unsubscribed").log"
}

start_counter() {
    mkdir -p "$run/published"
    rm -f "$run/ready" "${topics[@]/#/$run/published/}" "$run/published/complete"
    start_tied "$python" "$root/scripts/count.py" --brokers "$kafka_brokers" --run "$1" --published "$run/published" \
        --ready "$run/ready" "${topics[@]}" >"$run/table"
    counter=$started names[$started]=count.py
}
counter_ready_or_gone() { [[ -e $run/ready ]] || has_ended "$counter"; }

start_publishers() {
    local topic publisher
    for topic in "${topics[@]}"; do
        publisher=$(program_of publish "$topic")
        start_tied "$bin/$publisher" --file "$data" --format json --quiet --property "run=$1" \
            --summary "$run/published/$topic" "${pace[@]}" >"$logs/$publisher.log" 2>&1
        publishers+=("$started") names[$started]=$publisher
    done
}

# No bridge and no broker ends by itself: supervise.sh ends only where another start would not help.
unexpected_end() {
    ((status == 2)) && die "${names[$ended]} was started wrongly, see above" 2
    describe_status "$status"
    die "${names[$ended]} $described, see above"
}

serve_bridges() {
    start_bridges
    info "the bridges run; Ctrl-C ends them. What arrives in Kafka: $bin/kafka-consume -b $kafka_brokers -t temp"
    await_any
    unexpected_end
}

serve_brokers() {
    ((${#private[@]})) || {
        info "both brokers are there already: nothing to start"
        exit 0
    }
    start_private_brokers
    info "Ctrl-C ends them"
    await_any
    unexpected_end
}

run_demo() {
    local id left=${#topics[@]} failed=''
    id=$(</proc/sys/kernel/random/uuid)
    start_bridges
    wait_until 60 bridges_are_subscribed_or_refused || true
    bridges_are_subscribed || {
        show_cause "$logs/$(program_of bridge "$unsubscribed").log"
        die "the bridges could not subscribe at $mqtt_address (logs in $logs)"
    }
    start_counter "$id"
    wait_until 90 counter_ready_or_gone || show_cause "$logs/$(program_of bridge temp).log"
    counter_ready_or_gone || die "Kafka's topics could not be read within 90 s; the logs are in $logs"
    is_running "$counter" || die "what arrives in Kafka cannot be counted, see above"
    info "replaying $data"
    start_publishers "$id"
    while await_any && [[ $ended != "$counter" ]]; do
        [[ ${names[$ended]} == publish-* ]] || unexpected_end
        ((status == 0)) || {
            failed=yes
            show_cause "$logs/${names[$ended]}.log"
            describe_status "$status"
            warn "${names[$ended]} $described"
        }
        ((--left)) || touch "$run/published/complete"
    done
    counter=
    cat "$run/table"
    echo
    # The configuration is for the bridges and publishers: what stands before all sections need not suit status.
    env -u ROOMSTREAM_CONFIG "$bin/status" --targets "$targets" || true
    judge_demo "$failed"
}

# judge_demo FAILED: the demo's last words, and its exit status. status is count.py's.
judge_demo() {
    [[ -z $1 ]] || die "not every publisher could replay its data, see above"
    case $status in
        0) info "every message is in Kafka, exactly once and in order" ;;
        1) die "messages are missing in Kafka; the logs are in $logs" ;;
        3)
            [[ -s $run/restarts ]] || die "messages are doubled or out of order, and no bridge was started again; the logs are in $logs"
            info "every message is in Kafka; a bridge died and was started again, which may double some" ;;
        *) die "the messages in Kafka could not be counted, see above" ;;
    esac
}

# From here on each further signal only makes it faster.
stop_all() {
    set +e
    disown_folders
    trap 'kill -TERM "${stopping[@]}" 2>/dev/null' INT TERM HUP
    stop_processes 10 "the preparation" "$foreground"
    stop_processes 5 "count.py" "$counter"
    stop_processes 20 "a publisher" "${publishers[@]}"
    # The addresses of bridges that nobody stopped stay, so that Prometheus and status see that they are down.
    [[ -z $targets || ($mode == bridges && -z $asked) ]] || rm -f "$targets"
    stop_processes 60 "a bridge" "${supervisors[@]}"
    stop_processes 60 "the brokers" "$brokers"
}

# interrupted STATUS: for the bridges and brokers it is the way to end; the demo has not done what it was started for.
interrupted() {
    trap '' INT TERM HUP
    asked=yes
    info "stopping"
    [[ $mode == demo ]] || exit 0
    exit "$1"
}

main() {
    parse_arguments "$@"
    trap stop_all EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    [[ $mode != brokers ]] || run=$state/run-brokers
    lock_folder "$run" "the pipeline"
    make_state_folder "$logs"
    refuse_links "$run"/* "$logs"/*
    install_needs "$needs_to_run"
    build_programs
    read_addresses
    find_brokers
    case $mode in
        brokers) serve_brokers ;;
        bridges)
            start_private_brokers
            serve_bridges ;;
        demo)
            start_private_brokers
            run_demo ;;
    esac
}

main "$@"
