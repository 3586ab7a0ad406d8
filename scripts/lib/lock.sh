# One owner for a folder. The lock is an open file that all children inherit: it is free only when the owner and
# everything that the owner started are gone, also after SIGKILL.
# shellcheck shell=bash

# Process ids are reused; together with the start time (in clock ticks since boot) they are unique.
process_identity() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The name in parentheses may hold spaces: count the fields behind it.
    stat=${stat##*) }
    # shellcheck disable=SC2086  # split into fields
    set -- "$1" $stat
    echo "$1 ${21}"
}

# lock_owner DIR: prints the process id of DIR's owner; false if it is gone.
lock_owner() {
    local owner pid
    owner=$(cat "$1/owner" 2>/dev/null) || return 1
    pid=${owner%% *}
    [[ $pid ]] && [[ $(process_identity "$pid") == "$owner" ]] && echo "$pid"
}

# lock_holders DIR: the processes that have DIR's lock open, as "pid name, pid name".
lock_holders() {
    local fd pid list=
    for fd in /proc/[0-9]*/fd/*; do
        [[ $fd -ef $1/lock ]] || continue
        pid=${fd#/proc/}
        pid=${pid%%/*}
        [[ $pid == "$$" || $pid == "$BASHPID" ]] || list+="${list:+, }$pid $(cat "/proc/$pid/comm" 2>/dev/null)"
    done
    echo "$list"
}

# lock_folder DIR WHAT: takes DIR (made if missing) for this script and its children until they end. A live owner is an
# error; processes that a dead one left get a minute to end.
lock_folder() {
    local dir=$1 what=$2 owner fd announced='' end=$((SECONDS + 60))
    make_state_folder "$dir"
    refuse_links "$dir/lock" "$dir/owner"
    exec {fd}>>"$dir/lock"
    until flock --wait 1 "$fd"; do
        owner=$(lock_owner "$dir") && die "$what: already in use by process $owner (folder $dir)"
        [[ $announced ]] || info "$what: waiting for what an earlier start left behind: $(lock_holders "$dir")"
        announced=yes
        ((SECONDS < end)) || die "$what: still held after a minute by process $(lock_holders "$dir"): stop it and try again"
    done
    process_identity "$$" >"$dir/owner"
    locks+=("$fd")
    owned+=("$dir")
}
locks=() owned=()

# disown_folders: this script is about to end, so that a new start waits for that instead of failing.
disown_folders() {
    local dir
    for dir in "${owned[@]}"; do
        rm -f "$dir/owner"
    done
}

# without_locks COMMAND...: runs a command that may outlive this script and must not keep its folders locked then.
without_locks() {
    (
        for fd in "${locks[@]}"; do
            exec {fd}>&-
        done
        exec "$@"
    )
}

# settle_folder DIR: waits, at most a minute, while DIR has no live owner but other processes that are about to end.
settle_folder() {
    [[ -e $1/lock ]] || return 0
    wait_until 2 folder_is_settled "$1" && return
    info "waiting for what an earlier start left behind in $1: $(lock_holders "$1")"
    wait_until 58 folder_is_settled "$1" || warn "$1 is still held by process $(lock_holders "$1")"
}
folder_is_settled() { flock --nonblock "$1/lock" true || lock_owner "$1" >/dev/null; }
