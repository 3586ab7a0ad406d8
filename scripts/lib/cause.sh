# Why a program that is not ours failed: the first error in its log. The last lines only show the consequences.
# shellcheck shell=bash

# first_errors: filters a log: its first error, and the last cause of a Java trace that belongs to it.
# Warnings count where there is no error. At most 1200 characters a line.
# shellcheck disable=SC2016  # a script for awk
first_errors() {
    awk '
        function cut(line) { return length(line) > 1200 ? substr(line, 1, 1200) "..." : line }
        !error && /(^|[^[:alpha:]])(ERROR|FATAL|Err|E|[Ee]rror|fatal|Exception in thread [^:]*)(\]|:)|: No space left on device/ {
            error = cut($0)
            next
        }
        !warning && /(^|[^[:alpha:]])(WARN|WARNING|Warning|warning)(\]|:)/ { warning = cut($0) }
        error && /^[[:space:]]*at |^[[:space:]]*\.\.\. [0-9]+ more/ { next }
        error && !ended && /^([[:alnum:].$]+\.[[:alnum:]$]+(Exception|Error)|Caused by)/ { cause = cut($0); next }
        error { ended = 1 }
        END {
            if (error != "" || warning != "") print error != "" ? error : warning
            if (cause != "" && index(error, cause) == 0) print cause
        }'
}

# What to do about a cause: an extended regular expression for the log; the advice.
advice_for_causes='
No space left on device|not enough free space; free some space on that disk
PKIX path building|certificate verif; a proxy may show a certificate of its own: let this system (and Java: ca-certificates-java) trust it
Unknown ?[Hh]ost|Could not resolve|Temporary failure; check the network and its name server, and for Maven the proxy in ~/.m2/settings.xml
[Pp]roxy [Aa]uthentication|by proxy; the proxy wants a login: for Maven in ~/.m2/settings.xml, for apt-get in /etc/apt/apt.conf.d
'

# show_cause LOG [FROM]: shows the first error among the last 500 lines of LOG, from byte FROM on (default 1), and what
# to do about it where that is known; the last lines where there is no error.
show_cause() {
    local cause pattern advice
    [[ -s $1 ]] || return 0
    cause=$(tail -c "+${2:-1}" -- "$1" | tail -n 500 | first_errors)
    [[ $cause ]] || { show_tail "$1" && return; }
    printf '%s\n' "--- the first error in $1:" "$cause" >&2
    while IFS=';' read -r pattern advice; do
        [[ ! $pattern || ! $cause =~ $pattern ]] || printf '%s\n' "--- ${advice# }" >&2
    done <<<"$advice_for_causes"
}

# warn_of_full_disk FOLDER: a log on a full disk may say nothing of that.
warn_of_full_disk() {
    local free
    free=$(df --output=avail -B1K -- "$1" | tail -n 1)
    ((free >= 1024)) || warn "the disk that holds $1 is full: $((free)) KiB are free"
}
