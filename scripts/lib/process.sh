# Child processes that never outlive the script that started them, and bounded waits for them.
# shellcheck shell=bash

# start_tied COMMAND...: starts COMMAND in the background and sets started to its process id.
# - It gets SIGTERM when this shell dies, however it dies. The inner sh closes the gap before that is arranged: a
#   parent that is already gone is seen by the changed parent id.
# - It has a session of its own, so that Ctrl-C reaches only the script, which then stops things in order.
# - Redirections of the call hold for COMMAND; its standard input is empty.
start_tied() {
    local parent=$BASHPID
    # shellcheck disable=SC2016  # expanded by the inner sh
    setsid setpriv --pdeathsig TERM sh -c '[ "$PPID" = "$0" ] && exec "$@"' "$parent" "$@" </dev/null &
    started=$!
}

# await PID: waits for a child's end and returns its status, without the shell's message about a killed one.
await() { wait "$1" 2>/dev/null; }

# await_any: waits for the end of any child; sets ended to its process id ('' if there is none) and status to its
# status.
await_any() {
    ended='' status=0
    wait -n -p ended 2>/dev/null || status=$?
    ended=${ended:-}
}

# run_tied COMMAND...: the same in the foreground; returns COMMAND's status. A trap may end the script meanwhile, which
# a command run directly would delay until it ends.
foreground=''
run_tied() {
    local status=0
    start_tied "$@"
    foreground=$started
    await "$foreground" || status=$?
    foreground=''
    return "$status"
}

# wait_until SECONDS COMMAND...: tries COMMAND ten times a second until it succeeds; false when it has not in that time.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

is_running() { kill -0 "$1" 2>/dev/null; }
has_ended() { ! is_running "$1"; }

# stop_processes SECONDS NAME PID...: SIGTERM to all, and SIGKILL to those that have not ended after SECONDS. An empty
# PID, or one that has ended, is not an error. Meanwhile stopping holds the PIDs, for a trap that kills them. The waits
# drop the shell's message about a child that is killed meanwhile.
stopping=()
stop_processes() {
    local limit=$1 name=$2 pid
    stopping=()
    for pid in "${@:3}"; do
        [[ -z $pid ]] || wait_until 5 has_begun "$pid" 2>/dev/null || true
        [[ -z $pid ]] || ! kill -TERM "$pid" 2>/dev/null || stopping+=("$pid")
    done
    wait_until "$limit" have_ended "${stopping[@]}" 2>/dev/null && return
    warn "$name did not stop within $limit s: killed"
    for pid in "${stopping[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    wait_until 10 have_ended "${stopping[@]}" 2>/dev/null
}
# A child that is still a copy of this shell, about to become its program, would drop the signal.
has_begun() { ! cmp -s "/proc/$$/cmdline" "/proc/$1/cmdline"; }
have_ended() {
    local pid
    for pid; do
        has_ended "$pid" || return 1
    done
}

# describe_status STATUS: sets described to a description of a status from wait. (It prints nothing: bash 5.2 can fail
# to run a trap when the signal comes while it parses a command substitution, and supervise.sh depends on signals.)
# shellcheck disable=SC2034  # not every script asks
describe_status() {
    described="ended with status $1"
    local number=$(($1 - 128))
    ((number <= 0)) || described="was killed by ${signal_names[number]:-signal $number}"
}
signal_names=([6]=SIGABRT [7]=SIGBUS [9]=SIGKILL [11]=SIGSEGV [15]=SIGTERM)
