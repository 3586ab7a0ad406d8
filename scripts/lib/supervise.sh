#!/usr/bin/env bash
# Runs a daemon, and starts it again when it ends by itself.
#
# Usage: supervise.sh [--log FILE] [--restarts FILE] COMMAND [ARGUMENT...]
#
#   --log FILE       append the daemon's output to FILE
#   --restarts FILE  append a line to FILE for each start but the first
#
# It waits 1 s before it starts it again, twice as long each further time up to 30 s; a daemon that has lived for a
# minute begins with 1 s again. SIGTERM is passed on, a second one too. Exit status: the daemon's when it was asked to
# stop; 2 when the daemon ends with 2 (used wrongly), since another start would not help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$root/scripts/lib/process.sh"

log_file='' restarts=/dev/null
while [[ ${1:-} == --* ]]; do
    case $1 in
        --log) log_file=$2 ;;
        --restarts) restarts=$2 ;;
        *) misuse "unknown argument '$1'" ;;
    esac
    shift 2
done
(($#)) || misuse "no command"

refuse_links "$log_file" "$restarts"

# Its log lines are about the daemon.
program=${1##*/}
# Longer than the daemon takes to drain; what remains is in its spool.
stop_limit=50

stop_daemon() {
    trap 'kill -TERM "${stopping[@]}" 2>/dev/null || true' TERM
    [[ ${daemon:-} ]] && is_running "$daemon" || exit 0
    stop_processes "$stop_limit" "$program" "$daemon" || true
    local status=0
    await "$daemon" || status=$?
    exit "$status"
}
trap stop_daemon TERM

delay=1
while :; do
    began=$SECONDS status=0
    if [[ $log_file ]]; then
        start_tied "$@" >>"$log_file" 2>&1
    else
        start_tied "$@"
    fi
    daemon=$started
    await "$daemon" || status=$?
    daemon=''
    ((status != 2)) || die "ended with status 2, that is, it was started wrongly: not started again" 2
    ((SECONDS - began < 60)) || delay=1
    describe_status "$status"
    warn "$described; starting it again in $delay s"
    start_tied sleep "$delay"
    await "$started" || true
    echo "$program" >>"$restarts"
    delay=$((delay < 15 ? 2 * delay : 30))
done
