# The demo: publishers, and a count of what arrived. Sourced by run.sh, whose $run, $logs, $data and $pace it uses.
# Needs pipeline.sh, cause.sh and python.sh.
# shellcheck shell=bash disable=SC2154,SC2317  # variables of others; functions that wait_until calls

declare -A names  # of the children, by process id
publishers=()     # their process ids
counter=''        # process id of count.py
subscriber=''     # of subscribe
stored=''         # yes: count.py looks into the database

# A message that is published before the broker knows a bridge's session never reaches the bridge. Sets unsubscribed to
# a topic without a session. Waiting does not help where the broker refuses a bridge, which is the error of its log
# then.
bridges_are_subscribed() {
    for unsubscribed in "${topics[@]}"; do
        grep -q ' subscribed to ' "$logs/$(program_of bridge "$unsubscribed").log" || return 1
    done
}
bridges_are_subscribed_or_refused() {
    bridges_are_subscribed || grep -q ' error: ' "$logs/$(program_of bridge "$unsubscribed").log"
}

start_counter() {
    local more=()
    if [[ $with_store ]]; then
        if [[ $database == sqlite:* ]]; then
            more=(--database "${database#sqlite:}") stored=yes
        else
            info "what store writes to another database than SQLite is not counted"
        fi
    fi
    mkdir -p "$run/published"
    rm -f "$run/ready" "${topics[@]/#/$run/published/}" "$run/published/complete"
    start_tied "$python" -B "$root/scripts/count.py" "${more[@]}" --estimates occupancy --brokers "$kafka_brokers" --run "$1" --published "$run/published" \
        --ready "$run/ready" "${topics[@]}" >"$run/table"
    counter=$started names[$started]=count.py
}
counter_ready_or_gone() { [[ -e $run/ready ]] || has_ended "$counter"; }

# The estimates, on the MQTT topic to which downlink sends them.
start_subscriber() {
    : >"$run/room"
    start_tied "$bin/subscribe" --topic room/occupancy --output-format '%p' >"$run/room" 2>"$logs/subscribe.log"
    subscriber=$started names[$started]=subscribe
}
room_is_there() { (($(wc -l <"$run/room") >= $1)) || has_ended "$subscriber"; }

# show_room: shows what came, once there are as many as count.py has seen in Kafka, or after some seconds; then ends
# subscribe. The broker has the last one of an earlier run, whose readings are not estimated again.
show_room() {
    local estimates
    estimates=$(sed -n 's/^occupancy: \([0-9]*\) of .*/\1/p' "$run/table")
    wait_until 5 room_is_there "${estimates:-1}" || true
    if [[ -s $run/room ]]; then
        info "back in MQTT: subscribe has seen $(wc -l <"$run/room") estimates on the topic room/occupancy, the last one $(tail -n 1 "$run/room")"
    else
        ! has_ended "$subscriber" || show_cause "$logs/subscribe.log"
        warn "no estimate has come back to the MQTT topic room/occupancy; the logs are downlink.log and subscribe.log in $logs"
    fi
    stop_processes 5 subscribe "$subscriber" || true
    await "$subscriber" || true # otherwise await_any would return it
    subscriber=''
}

start_publishers() {
    local topic publisher
    for topic in "${topics[@]}"; do
        publisher=$(program_of publish "$topic")
        start_tied "$bin/$publisher" --file "$data" --format json --quiet --property "run=$1" \
            --summary "$run/published/$topic" "${pace[@]}" >"$logs/$publisher.log" 2>&1
        publishers+=("$started") names[$started]=$publisher
    done
}

run_demo() {
    local id left=${#topics[@]} failed='' note=()
    id=$(</proc/sys/kernel/random/uuid)
    [[ ! $data -ef $sample ]] || note=(--note "A demonstration: these readings are made up, they are of no room.")
    start_daemons "${note[@]}"
    wait_until 60 bridges_are_subscribed_or_refused || true
    bridges_are_subscribed || {
        show_cause "$logs/$(program_of bridge "$unsubscribed").log"
        die "the bridges could not subscribe at $mqtt_address (logs in $logs)"
    }
    start_subscriber
    start_counter "$id"
    wait_until 90 counter_ready_or_gone || show_cause "$logs/$(program_of bridge temp).log"
    counter_ready_or_gone || die "Kafka's topics could not be read within 90 s; the logs are in $logs"
    is_running "$counter" || die "what arrives in Kafka cannot be counted, see above"
    info "replaying $data"
    start_publishers "$id"
    while await_any && [[ $ended != "$counter" ]]; do
        [[ $ended != "$subscriber" ]] || continue # it carries nothing: show_room says why it ended
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
    show_room
    [[ -z ${note[*]} ]] || info "the sample is made up: its estimates show that the pipeline works, not how well it estimates"
    [[ $keep ]] || return 0
    mode=bridges # from here on as without --demo
    info "all stays up, the page too (http://${addresses[dashboard]}/); Ctrl-C ends it"
    await_any
    unexpected_end
}

# judge_demo FAILED: prints the demo's last lines and sets its exit status. status is count.py's.
judge_demo() {
    [[ -z $1 ]] || die "not every publisher could replay its data, see above"
    case $status in
        0) info "every message is in Kafka, exactly once and in order${stored:+, and stored once}" ;;
        1) die "messages are missing in Kafka; the logs are in $logs" ;;
        3)
            grep -q '^bridge-' "$run/restarts" || die "messages are doubled or out of order, and no bridge was started again; the logs are in $logs"
            info "every message is in Kafka; a bridge died and was started again, which may double some" ;;
        5) die "the database has not each message of Kafka once ($database); the log is $logs/store.log" ;;
        *) die "the messages in Kafka could not be counted, see above" ;;
    esac
}
