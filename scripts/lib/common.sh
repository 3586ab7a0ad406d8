# What every script here needs: where things are, and how to print messages.
# Sourced; sets root (the checkout), state (the state folder), program (the script's name).
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034  # not every script needs it
state=$(realpath -m -- "${ROOMSTREAM_STATE:-$root/var}")
program=${0##*/}
. "$root/scripts/lib/cause.sh"

# Messages must not depend on the user's language, since tests compare them; names in UTF-8 stay readable.
export LC_ALL=C.UTF-8
# Debian keeps daemons in sbin, which is not on a user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Log lines look like those of the programs, on the standard error stream. On a terminal they replace a
# status line that another program may show.
log() {
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
    if [[ ${JOURNAL_STREAM:-} && $JOURNAL_STREAM == "$(stat -Lc %d:%i /dev/stderr)" ]]; then # as the programs do
        local -A priorities=([error]=3 [warning]=4 [info]=6)
        printf '<%s>%s %s: %s\n' "${priorities[$1]}" "$program" "$1" "$2" >&2
        return
    fi
    TZ=UTC printf '%(%Y-%m-%dT%H:%M:%SZ)T %s %s: %s\n' -1 "$program" "$1" "$2" >&2
}
info() { log info "$1"; }
warn() { log warning "$1"; }

# die MESSAGE [STATUS]: ends the script, with status 1 if none is given.
die() {
    log error "$1"
    exit "${2:-1}"
}

# misuse MESSAGE: ends the script with the status for wrong use.
misuse() { die "$1 (see $program --help)" 2; }

# need_value OPTION [VALUE]...: checks that an option on the command line is followed by its value.
need_value() { (($# > 1)) || misuse "$1 needs a value"; }

# make_state_folder DIR: makes DIR if it is missing, for this user alone, and ends the script if nothing can be written
# there, or if everybody can: a link that somebody puts there would be followed. var/ of the checkout is made private in
# any case.
make_state_folder() {
    local reason folder
    reason=$(umask 077 && mkdir -p -- "$1" 2>&1) || die "$reason: ROOMSTREAM_STATE names another folder for data and logs"
    [[ -w $1 ]] || die "cannot write to the folder $1: ROOMSTREAM_STATE names another one for data and logs"
    [[ $state != "$root/var" || ! -O $state ]] || chmod 700 "$state"
    for folder in "$1" "$state"; do
        [[ ! -d $folder || $(stat -L -c %a -- "$folder") != *[2367] ]] ||
            die "all users can write to the folder $folder: name one of your own, by ROOMSTREAM_STATE, for data and logs"
    done
}

# need_writable FILE...: ends the script where one exists that cannot be written to, as after a run as root.
need_writable() {
    local file
    for file; do
        [[ ! -e $file || -w $file ]] ||
            die "cannot write to $file, which belongs to $(stat -c %U -- "$file"): go on as that user, or have it removed"
    done
}

# refuse_links FILE...: ends the script where one is a symbolic link, whose target would be written in its place.
refuse_links() {
    local file
    for file; do
        [[ ! -L $file ]] || die "$file is a symbolic link, which is not followed: remove it"
    done
}

# show_usage: prints the comment at the top of the running script, which is its manual.
show_usage() { sed -n '1d; /^#/!q; s/^# \{0,1\}//p' "$0"; }

# show_tail FILE: the last lines of a log, for an error message; says nothing when there are none.
show_tail() {
    [[ -s $1 ]] || return 0
    printf '%s\n' "--- the last lines of $1:" >&2
    tail -n "${2:-15}" "$1" >&2
}
