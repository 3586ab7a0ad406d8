#!/usr/bin/env bash
# Starts the pipeline: MQTT messages of six sensors, carried to Kafka by six bridges; and from Kafka on to a database
# (store), to an estimate of how many people are in the room (estimate), which goes back to MQTT (downlink), and to a
# web page (dashboard).
#
# Usage: scripts/run.sh [--no-store] [--config FILE]
#                                                   all of it, until Ctrl-C or SIGTERM
#        scripts/run.sh --brokers [--config FILE]   only the brokers, until Ctrl-C or SIGTERM
#        scripts/run.sh --demo [--keep] [--no-store] [--config FILE] [--data FILE] [--fast | --speed X | --rate N]
#                                                   all of it and the publishers; ends with a count of what arrived
#
#   --no-store     without store: Kafka has what the bridges carry, and no database
#   --keep         after the count all stays up until Ctrl-C
#   --config FILE  options of the programs, as in their --config: those of one kind of program under [bridge], [publish]
#                  or a heading of their --help, such as [kafka]
#   --data FILE    replay this CSV file (default: the sample, data/occupancy-sample.csv)
#   --fast         replay as fast as the brokers take it
#   --speed X      X seconds of recorded time in one second (default 300, pauses cut to a minute: the sample takes half
#                  a minute)
#   --rate N       N messages a second from each publisher
#   -h, --help     print this and exit
#
# It installs what is missing (apt-get, as root or by sudo; it says what and why first) and builds. The brokers are
# those at MQTT_HOST (localhost), MQTT_PORT (1883) and KAFKA_BOOTSTRAP_SERVERS (localhost:9092), or in the configuration
# file. Where nothing answers at an address of this machine, it starts a private broker there; for other machines it
# never does. A program that dies is started again. Data, spools, the database readings.db and logs are kept in
# ROOMSTREAM_STATE (default: var/ in the checkout). What store writes goes there unless the configuration names another
# database. With ROOMSTREAM_BIN, a folder of built programs, nothing is built.
#
# Each program shows what it does over HTTP, at 127.0.0.1 and the ports from ROOMSTREAM_HTTP_PORT (9751) on, the
# dashboard its page at the port before (9750), or at any others where those are taken: build/bin/status asks them all,
# and Prometheus finds them by config/prometheus.yml.
#
# The demo counts in Kafka itself, by sequence number, and in the database by SQL. Exit status: 0 every message arrived
# exactly once and in order (or, where a bridge died and was started again, at least once), and each is stored once,
# which is counted in SQLite only; 1 not so, or something failed; 2 used wrongly; 130 or 143 interrupted. Without
# --demo, and after the count with --keep: 0 after Ctrl-C or SIGTERM. A second Ctrl-C does not wait for what is still
# on its way: it stays in the spools.

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
. "$root/scripts/lib/pipeline.sh"
. "$root/scripts/lib/demo.sh"

run=$state/run  # what only matters while this script runs
logs=$state/log
sample=$root/data/occupancy-sample.csv
asked=''  # yes: a signal asked for the end

parse_arguments() {
    mode=bridges data='' keep='' with_store=yes pace=()
    while (($#)); do
        case $1 in
            -h | --help) show_usage && exit ;;
            --demo | --brokers) set_mode "${1#--}" ;;
            --keep) keep=yes ;;
            --no-store) with_store='' ;;
            --fast) set_pace --fast ;;
            --speed | --rate) need_value "$@" && check_pace "$1" "$2" && set_pace "$1" "$2" && shift ;;
            --data) need_value "$@" && data=$2 && shift ;;
            --config) need_value "$@" && export ROOMSTREAM_CONFIG=$2 && shift ;;
            *) misuse "unknown argument '$1'" ;;
        esac
        shift
    done
    [[ $mode == demo || (-z $data$keep && ${#pace[@]} -eq 0) ]] || misuse "--keep, --data, --fast, --speed and --rate go with --demo"
    [[ $mode != brokers || $with_store ]] || misuse "--no-store does not go with --brokers"
    [[ -z $data || -e $data ]] || misuse "--data: there is no $data (scripts/fetch-data.sh downloads the real data set to data/occupancy.csv)"
    [[ -z $data || -r $data ]] || misuse "--data: cannot read $data"
    [[ -z $data || -f $data ]] || misuse "--data: $data is not a file (each of the six publishers reads all of it)"
    data=$(realpath -- "${data:-$sample}")
    ((${#pace[@]})) || pace=(--speed 300 --max-gap 60s)
}
set_mode() {
    [[ $mode == bridges ]] || misuse "--demo and --brokers exclude each other"
    mode=$1
}
# For the programs, which check the value, a rate of 0 is the same as none.
check_pace() { [[ $1 != --rate || ${2%%[eE]*} == *[1-9]* ]] || misuse "--rate: '$2' is not a number above 0"; }
set_pace() {
    ((${#pace[@]} == 0)) || misuse "--fast, --speed and --rate exclude each other"
    pace=("$@")
}

# Bridges and brokers do not end by themselves: supervise.sh ends only where another start would not help.
unexpected_end() {
    ((status == 2)) && die "${names[$ended]} was started wrongly, see above" 2
    describe_status "$status"
    die "${names[$ended]} $described, see above"
}

serve_bridges() {
    start_daemons
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

# From here on a further signal only makes it faster.
stop_all() {
    set +e
    disown_folders
    trap 'kill -TERM "${stopping[@]}" 2>/dev/null' INT TERM HUP
    stop_processes 10 "the preparation" "$foreground"
    stop_processes 5 "count.py or subscribe" "$counter" "$subscriber"
    stop_processes 20 "a publisher" "${publishers[@]}"
    # The addresses of bridges that nobody stopped stay, so that Prometheus and status see that they are down.
    [[ -z $targets || ($mode == bridges && -z $asked) ]] || rm -f "$targets"
    stop_processes 60 "a bridge" "${bridges[@]}"
    stop_processes 60 "estimate, store, downlink or the dashboard" "${readers[@]}"
    stop_processes 60 "the brokers" "$brokers"
}

# interrupted STATUS: without --demo this is the normal end; a demo has not finished its work.
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
    [[ $mode == brokers ]] || read_readers
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
