#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests on real brokers of their own.
#
# Usage: scripts/test.sh                      each program's main path; less than ten minutes on two cores, bare Debian
#        scripts/test.sh --all                all tests, as continuous integration does; takes an hour or so
#        scripts/test.sh CTEST ARGUMENT...    for example  scripts/test.sh -R flow.run  or  -L unit
#
# Without arguments it builds the preset release, on which the tests run, and asan, whose unit tests run too. What it
# leaves to --all has ctest's label long: faults of brokers, rare configurations, large amounts. --all also builds the
# preset clang, whose warnings are errors as well, and runs all programs' command lines and ways to fail on asan. It
# installs more for that: clang, a JDK, two browsers, other brokers. With arguments of ctest the release build alone is
# made and tested, and all is installed but the other brokers. The last lines are ctest's summary of the tests on the
# release build. Exit status: 0 all passed, 1 not so, 2 used wrongly.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$root/scripts/lib/process.sh"
. "$root/scripts/lib/lock.sh"
. "$root/scripts/lib/python.sh"
. "$root/scripts/lib/install.sh"
. "$root/scripts/lib/build.sh"
. "$root/scripts/lib/kafka.sh"
. "$root/scripts/lib/hivemq.sh"
. "$root/scripts/lib/old_kafka.sh"
. "$root/scripts/lib/other_brokers.sh"

# test_preset PRESET CTEST_ARGUMENT...: false when a test failed. $jobs run side by side.
test_preset() {
    info "testing (preset $1)"
    run_tied env -C "$root" ctest --preset "$1" --parallel "$jobs" "${@:2}"
}

stop_tests() { stop_processes 60 "a build or test" "$foreground"; }

main() {
    [[ ${1:-} != -h && ${1:-} != --help ]] || { show_usage && exit; }
    trap stop_tests EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    install_needs "$needs_to_run"
    install_needs "$needs_to_test"
    install_needs "$needs_to_package"
    # Before the tests, whose time is limited.
    fetch_kafka
    if (($#)); then # only long tests need these
        install_needs "$needs_to_test_all"
        fetch_hivemq
        fetch_old_kafka
    fi
    [[ ${1:-} != --all ]] || fetch_other_brokers # some minutes, to build them
    export ROOMSTREAM_KAFKA_JARS=$kafka_jars ROOMSTREAM_HIVEMQ_JARS=$hivemq_jars ROOMSTREAM_OLD_KAFKA_JARS=$old_kafka_jars
    # Tests wait most of the time, for brokers to start. The long ones do not.
    local jobs=$(($(nproc) + 2))
    [[ ${1:-} != --all ]] || jobs=$(nproc)
    local failed='' checked=(-DBUILD_TESTING=ON -DROOMSTREAM_WERROR=ON)
    build_preset release "${checked[@]}"
    if (($# == 0)); then
        build_preset asan "${checked[@]}"
        test_preset asan --label-regex '^(unit|spool|fuzz)$' --label-exclude long || failed=yes
        set -- --label-exclude long
    elif [[ $1 == --all ]]; then
        build_preset clang "${checked[@]}"
        build_preset asan "${checked[@]}"
        test_preset asan --label-exclude 'flow|install|lint|torture|long' || failed=yes
        shift
    fi
    test_preset release "$@" || failed=yes
    [[ -z $failed ]] || exit 1
}

main "$@"
