# Builds the programs. Needs common.sh and process.sh.
# shellcheck shell=bash

# build_preset PRESET [CMAKE ARGUMENT...]: configures (with the arguments, when they are given or for the first time) and
# builds a preset of CMakePresets.json; one build at a time.
build_preset() {
    local preset=$1 log=$state/log/build-$1.log fd folder=$root/build
    shift
    [[ $preset == release ]] || folder+=-$preset
    make_state_folder "$state/log"
    refuse_links "$state/build.lock" "$log"
    need_writable "$state/build.lock" "$log" "$folder"
    exec {fd}>>"$state/build.lock"
    flock --wait 600 "$fd" || die "another build has been running for ten minutes ($state/build.lock)"
    : >"$log"
    if (($#)) || [[ ! -f $folder/CMakeCache.txt ]]; then
        info "building (preset $preset) in $folder"
        run_tied env -C "$root" cmake --preset "$preset" "$@" >>"$log" 2>&1 || build_failed "$log"
    fi
    run_tied cmake --build "$folder" --parallel "$(nproc)" >>"$log" 2>&1 || build_failed "$log"
    exec {fd}>&-
}

build_failed() {
    show_cause "$1"
    die "the build failed; its log is $1"
}

# build_programs: what there is to run; sets bin to its folder. With ROOMSTREAM_BIN set, that is taken as it is.
# A newer compiler's new warning must not prevent a run.
build_programs() {
    # shellcheck disable=SC2034  # test.sh has no use for it
    bin=${ROOMSTREAM_BIN:-$root/build/bin}
    [[ -z ${ROOMSTREAM_BIN:-} ]] || return 0
    if [[ -f $root/build/CMakeCache.txt ]]; then
        build_preset release
    else
        build_preset release -DBUILD_TESTING=OFF -DROOMSTREAM_WERROR=OFF
    fi
}
