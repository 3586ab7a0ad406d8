#!/usr/bin/env bash
# Checks the form of scripts and sources: shellcheck; clang-format by .clang-format; the length of C files and
# functions; cycles of #include. Prints what is wrong.
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

mapfile -d '' -t sources < <(find lib publish subscribe bridge dead-letters kafka-produce kafka-consume estimate status store downlink dashboard tests -name '*.[ch]' -print0)
if [[ $(clang-format --version) == *" version $clang_format_release."* ]]; then
    clang-format --dry-run --Werror "${sources[@]}" || failed=yes
else
    info "clang-format is not release $clang_format_release: the formatting of the C sources is not checked"
fi

# No compiler warns of long files or functions. A function begins with { and ends with } in the first column.
awk 'FNR == 501 { print FILENAME ": more than 500 lines"; wrong = 1 }
     /^{/ { start = FNR }
     /^}/ && start && FNR - start >= 60 { print FILENAME ":" start ": a function of more than 60 lines"; wrong = 1 }
     /^}/ { start = 0 }
     END { exit wrong }' "${sources[@]}" || failed=yes

# Pairs of a file and one that it includes; tsort reports cycles.
includes() {
    local file name folder
    grep -Ho '^#include "[^"]*"' "${sources[@]}" | sed 's/:#include "/ /; s/"$//' | while read -r file name; do
        for folder in "${file%/*}" lib . tests/unit; do
            [[ ! -e $folder/$name ]] || { realpath --relative-to=. "$file" "$folder/$name" && break; }
        done
    done
}
includes | tsort >/dev/null || failed=yes

[[ -z $failed ]] || die "see above (clang-format -i FILE corrects the formatting)"
