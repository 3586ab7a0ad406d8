#!/usr/bin/env bash
# Checks the form of scripts and sources: shellcheck, and clang-format by .clang-format. Prints what is wrong.
#
# Usage: scripts/lint.sh
#
# Exit status: 0 all well, 1 something is wrong, 2 used wrongly.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
(($# == 0)) || { [[ $1 == -h || $1 == --help ]] && show_usage && exit; } || misuse "unknown argument '$1'"
cd "$root"

# Releases of clang-format differ in details; the sources follow this one (Debian 12's).
clang_format_release=14

failed=
scripts=(.ci/run scripts/*.sh scripts/lib/supervise.sh packaging/debian/{postinst,prerm,postrm})
# The sourced files are checked as part of the scripts that source them.
shellcheck --external-sources --check-sourced --source-path=SCRIPTDIR:. "${scripts[@]}" || failed=yes

if [[ $(clang-format --version) == *" version $clang_format_release."* ]]; then
    mapfile -d '' -t sources < <(find lib publish subscribe bridge dead-letters kafka-produce kafka-consume status tests -name '*.[ch]' -print0)
    clang-format --dry-run --Werror "${sources[@]}" || failed=yes
else
    info "clang-format is not release $clang_format_release: the formatting of the C sources is not checked"
fi
[[ -z $failed ]] || die "see above (clang-format -i FILE mends the formatting)"
