# Installs what the programs, the scripts and the tests need, where it is missing.
# Needs common.sh, lock.sh and python.sh.
# shellcheck shell=bash

# A line for each need: Debian's packages | a command that tests whether it is there | what it is for.
needs_to_build='
cmake                     | has_command cmake               | configures the build
make                      | has_command make                | builds
gcc libc6-dev             | has_header stdio.h              | compiles the programs
pkg-config                | has_command pkg-config          | finds the libraries
libpaho-mqtt-dev          | has_header MQTTAsync.h          | MQTT client library
librdkafka-dev            | has_header librdkafka/rdkafka.h | Kafka client library
libcsv-dev                | has_header csv.h                | reads the sensor data
libxxhash-dev             | has_header xxhash.h             | checksums of the spool
zlib1g-dev                | has_header zlib.h               | reads packed sensor data
libjansson-dev            | has_header jansson.h            | reads and writes JSON
libyajl-dev               | has_header yajl/yajl_parse.h    | reads JSON as a stream
libsqlite3-dev            | has_header sqlite3.h            | the embedded database
libpq-dev                 | has_library libpq               | PostgreSQL client library
libcurl4-openssl-dev      | has_header curl/curl.h          | asks the bridges how they are
libmicrohttpd-dev         | has_header microhttpd.h         | serves metrics and health
libjs-dygraphs            | has_dygraphs                    | draws the charts of the dashboard
libssl-dev                | has_header openssl/evp.h        | SHA-256
uuid-dev                  | has_header uuid/uuid.h          | names a spool
'
# shellcheck disable=SC2034  # nor has package.sh for what follows
needs_to_run=$needs_to_build'
mosquitto                 | has_command mosquitto           | the private MQTT broker
default-jre-headless      | has_java                        | runs the private Kafka broker (Java 17 or newer)
maven                     | has_command mvn                 | downloads Apache Kafka
python3 python3-confluent-kafka | find_python confluent_kafka | counts what arrived in Kafka
sqlite3                   | has_command sqlite3             | for you, to look at what is stored
'
# shellcheck disable=SC2034
needs_to_package='
scdoc                     | has_command scdoc               | makes the manual pages
dpkg-dev                  | has_command dpkg-shlibdeps      | finds the packages that the programs depend on
file                      | has_command file                | tells programs from other files
'
# shellcheck disable=SC2034  # run.sh has no use for it
needs_to_test='
libcmocka-dev             | has_header_cmocka               | unit tests
clang-format              | has_command clang-format        | checks the formatting
scdoc                     | has_command scdoc               | makes the manual pages, whose text a test compares
shellcheck                | has_command shellcheck          | checks the scripts
bash-completion           | has_bash_completion             | completes options, which a test watches
zsh                       | has_command zsh                 | completes options, which a test watches
openssl                   | has_command openssl             | makes certificates
jq                        | has_command jq                  | runs examples of the manual pages
mosquitto-clients         | has_command mosquitto_sub       | checks what our MQTT programs did
kcat                      | has_command kcat                | checks what our Kafka programs did
postgresql                | has_postgres                    | the database of tests
prometheus                | has_command promtool            | checks metrics, and watches the bridges in a test
python3-pytest python3-paho-mqtt python3-xxhash python3-yaml python3-sklearn | find_python pytest,paho.mqtt.client,xxhash,yaml,sklearn,confluent_kafka | run the tests, and train the model
docker-compose            | has_command docker-compose      | checks docker-compose.yml
systemd                   | has_command systemd-analyze     | checks the service for systemd
'
# shellcheck disable=SC2034
needs_to_test_all='
clang                     | has_command clang               | the second compiler
libclang-rt-dev           | has_clang_runtime               | sanitizers and fuzzing with clang
default-jdk-headless      | has_command javac               | runs small Java programs of the tests
chromium chromium-driver python3-selenium | has_chromium        | look at the page of the dashboard in a test
firefox-esr               | has_command firefox-esr         | looks at it as well
'

has_command() { command -v "$1" >/dev/null; }
has_header() { cc -fsyntax-only -x c -include "$1" /dev/null 2>/dev/null; }
has_library() { pkg-config --exists "$1" 2>/dev/null; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
has_dygraphs() { [[ -e /usr/share/javascript/dygraphs/dygraph.min.js ]]; }
has_chromium() { has_command chromium && has_command chromedriver && find_python selenium; }
has_bash_completion() { [[ -e /usr/share/bash-completion/bash_completion ]]; }
has_header_cmocka() {
    printf '#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <setjmp.h>\n#include <cmocka.h>\n' |
        cc -fsyntax-only -x c - 2>/dev/null
}
has_clang_runtime() {
    echo 'int main(void) { return 0; }' | clang -fsanitize=address -x c - -o /dev/null 2>/dev/null
}
has_java() {
    local version
    version=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1) || return 1
    [[ $version =~ \"([0-9]+) ]] && ((BASH_REMATCH[1] >= 17))
}

# install_needs NEEDS: installs what of NEEDS (lines as above) is missing; first says what and why. Takes little time
# and no network when nothing is missing.
install_needs() {
    local log=$state/log/install.log packages
    find_missing "$1"
    ((${#missing[@]})) || return 0
    info "missing on this system:"
    printf '    %s\n' "${missing_lines[@]}" >&2
    packages=${missing[*]}
    has_command apt-get || die "install these (Debian's names) with your system's package manager, then start again: $packages"
    make_state_folder "${log%/*}"
    refuse_links "$log"
    : >"$log"
    become_root "$packages"
    info "installing them with apt-get; log in $log"
    prepare_apt "$log"
    install_packages "$log"
    find_missing "$1"
    ((${#missing[@]} == 0)) || die "apt-get has installed them, yet this is not found: ${missing[*]}; its log is $log"
}

# find_missing NEEDS: sets missing to the packages and missing_lines to what is shown of them.
find_missing() {
    local packages check purpose
    missing=() missing_lines=()
    while IFS='|' read -r packages check purpose; do
        [[ $packages ]] || continue
        # shellcheck disable=SC2086  # words
        $check && continue
        # shellcheck disable=SC2206
        missing+=($packages)
        missing_lines+=("$(printf '%-34s%s' "${packages%"${packages##*[! ]}"}" "${purpose# }")")
    done <<<"$1"
}

# become_root PACKAGES: sets as_root to the command that runs another one as root.
become_root() {
    if ((EUID == 0)); then
        as_root=(env DEBIAN_FRONTEND=noninteractive)
    elif has_command sudo; then
        as_root=(sudo env DEBIAN_FRONTEND=noninteractive "LC_ALL=$LC_ALL")
    else
        die "installing needs root and there is no sudo. As root: apt-get install --no-install-recommends $1"
    fi
}

# An earlier installation may have been interrupted; another one may be running, such as that of an earlier
# start of this script that was killed.
prepare_apt() {
    local log=$1
    if [[ $(dpkg --audit 2>/dev/null) ]]; then
        info "finishing an installation that was interrupted (dpkg --configure -a)"
        run_when_free "$log" dpkg --configure -a || apt_failed "$log" "dpkg --configure -a failed"
    fi
    run_when_free "$log" apt-get -q update || apt_failed "$log" "apt-get update failed"
}

# Debian starts a daemon when its package is installed. The system's must not take port 1883 or 9090.
install_packages() {
    local log=$1 status=0 service services=() command
    command=(apt-get -q -y -o Dpkg::Options::=--force-confold install --no-install-recommends "${missing[@]}")
    for service in mosquitto prometheus postgresql; do
        [[ " ${missing[*]} " != *" $service "* ]] || services+=("$service")
    done
    if ((${#services[@]})) && [[ -d $systemd ]]; then
        info "the system's own services ${services[*]} are masked while their packages are installed, and left disabled: not needed here"
        command=("${masked[@]}" "${services[*]}" "${command[@]}")
    fi
    run_when_free "$log" "${command[@]}" || status=$?
    [[ -d $systemd ]] || for service in "${services[@]}"; do
        ((status)) || disable_service "$log" "$service"
    done
    ((status == 0)) || apt_failed "$log" "apt-get install failed"
}

systemd=/run/systemd/system # this folder exists where systemd runs

# One command that outlives this script, so that the service is unmasked even if the script is killed.
# shellcheck disable=SC2016  # a script for sh
masked=(sh -c 'services=$1; shift
    systemctl mask $services
    "$@"; status=$?
    systemctl unmask $services
    systemctl disable $services
    exit "$status"' sh)

# disable_service LOG SERVICE: where systemd does not run. Only for a service that was just installed: others are
# the user's.
disable_service() {
    has_command update-rc.d || return 0
    if run_as_root "$1" update-rc.d "$2" disable && run_as_root "$1" invoke-rc.d "$2" stop; then
        info "the system's own service $2 is left disabled: it is not needed here"
    else
        warn "the service $2 could not be stopped and disabled (log in $1)"
    fi
}

# apt-get outlives this script: ending it would leave packages half installed.
run_as_root() { without_locks "${as_root[@]}" "${@:2}" </dev/null >>"$1" 2>&1; }

# run_when_free LOG COMMAND...: the same for a command that needs the lock of the package system: while another process
# has it locked, the command is tried again for five minutes.
run_when_free() {
    local log=$1 before reason announced='' end=$((SECONDS + 300))
    while :; do
        before=$(stat -c %s "$log")
        run_as_root "$@" && return
        # The messages of apt-get and dpkg.
        reason=$(tail -c "+$((before + 1))" "$log" | grep -E -m 1 'Could not get lock|locked by another process') || return 1
        [[ $announced ]] || info "waiting for another installation to end ($reason)"
        announced=yes
        ((SECONDS < end)) || {
            warn "the package system is still locked after five minutes"
            return 1
        }
        sleep 2
    done
}

apt_failed() {
    show_cause "$1"
    die "$2; its log is $1"
}
