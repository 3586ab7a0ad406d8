#!/usr/bin/env bash
# Builds a Debian package of the programs, manual pages and the service for systemd.
#
# Usage: scripts/package.sh
#
# Installs what is missing for that (apt-get, as root or by sudo; it says what and why first). The package's path goes
# to the standard output; install it with  apt-get install ./FILE  , which brings the libraries that it needs. Exit
# status: 0 made, 1 failed, 2 used wrongly.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$root/scripts/lib/process.sh"
. "$root/scripts/lib/lock.sh"
. "$root/scripts/lib/install.sh"
. "$root/scripts/lib/build.sh"

stop_build() { stop_processes 60 "the build" "$foreground"; }

# pack FOLDER: makes the package from a build's folder and prints its path.
pack() {
    local log=$state/log/package.log packages
    refuse_links "$log"
    rm -f "$1"/*.deb
    run_tied env -C "$1" cpack -G DEB >"$log" 2>&1 || {
        show_cause "$log"
        die "the package could not be made; its log is $log"
    }
    packages=("$1"/*.deb)
    [[ -f ${packages[0]} ]] || die "CPack has made no package; its log is $log"
    echo "${packages[0]}"
}

main() {
    (($# == 0)) || { [[ $1 == -h || $1 == --help ]] && show_usage && exit; } || misuse "unknown argument '$1'"
    trap stop_build EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    install_needs "$needs_to_build"
    install_needs "$needs_to_package"
    # With the flags of Debian's own packages.
    export CFLAGS LDFLAGS
    CFLAGS="$(dpkg-buildflags --get CFLAGS) $(dpkg-buildflags --get CPPFLAGS)"
    LDFLAGS=$(dpkg-buildflags --get LDFLAGS)
    build_preset package -DBUILD_TESTING=OFF -DROOMSTREAM_WERROR=OFF \
        -DROOMSTREAM_ZSH_COMPLETION_FOLDER=share/zsh/vendor-completions
    pack "$root/build-package"
}

main "$@"
