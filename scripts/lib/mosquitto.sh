# One private Mosquitto in a folder of its own: DIR/mosquitto.conf, data/, mosquitto.log, pid, port.
# Needs common.sh, process.sh and net.sh.
# shellcheck shell=bash

# start_mosquitto DIR HOST PORT [MAX_QOS]: starts it and sets mosquitto_pid; it does not answer yet. It grants no more
# than MAX_QOS.
start_mosquitto() {
    local dir=$1 host=$2 port=$3
    mkdir -p "$dir/data"
    refuse_links "$dir/mosquitto.conf" "$dir/mosquitto.log" "$dir/pid" "$dir/port"
    {
        cat "$root/config/mosquitto.conf"
        printf '\nlistener %s %s\n' "$port" "$host"
        [[ -z ${4:-} ]] || printf 'max_qos %s\n' "$4"
    } >"$dir/mosquitto.conf"
    start_tied env -C "$dir" mosquitto -c mosquitto.conf >"$dir/mosquitto.log" 2>&1
    mosquitto_pid=$started
    echo "$mosquitto_pid" >"$dir/pid"
    echo "$port" >"$dir/port"
}

# mosquitto_answers HOST PORT
mosquitto_answers() { probe mqtt "$1" "$2"; }

# stop_mosquitto DIR: stops it if it was started; it saves its queues first.
stop_mosquitto() {
    [[ ${mosquitto_pid:-} ]] || return 0
    stop_processes 20 Mosquitto "$mosquitto_pid"
    rm -f "$1/pid" "$1/port"
}
