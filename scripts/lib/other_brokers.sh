# The MQTT brokers of other languages, and kfake, that tests/flow/test_matrix.py uses: in the versions that
# tests/brokers pins, by their language's own client. Needs common.sh and process.sh.
# shellcheck shell=bash

. "$root/scripts/lib/jars.sh"

other_brokers=${ROOMSTREAM_OTHER_BROKERS:-$state/brokers}
other_broker_names=(aedes kfake mochi moquette rumqttd)

# other_broker_command NAME FOLDER: sets command to what fetches and builds NAME in FOLDER, a copy of
# tests/brokers/NAME; its tool is the first word.
other_broker_command() {
    case $1 in
        aedes) command=(npm --prefix "$2" install --no-package-lock --no-audit --no-fund) ;;
        kfake | mochi) command=(go build -C "$2" -o "$1" .) ;;
        # Not --locked: with it, the crate metrics does not compile with Rust 1.95.
        rumqttd)
            command=(cargo install rumqttd --version "$(<"$2/version")" --debug --no-default-features --features use-rustls
                --root "$2") ;;
        moquette)
            command=(mvn --batch-mode --file "$2/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$2") ;;
    esac
}

# fetch_other_broker NAME: fetches and builds it into $other_brokers/NAME, once for each state of tests/brokers/NAME.
# False, with a message, if that fails.
fetch_other_broker() {
    local name=$1 folder=$other_brokers/$1 source=$root/tests/brokers/$1 log=$other_brokers/$1.log command fd status=0
    ! made_from "$source" "$folder" || return 0
    make_state_folder "$other_brokers"
    refuse_links "$folder.lock" "$log"
    exec {fd}>>"$folder.lock"
    flock --wait 1200 "$fd" || die "another process has been fetching $name for twenty minutes ($folder.lock)"
    if ! made_from "$source" "$folder"; then
        check_made "$folder"
        check_made "$folder.new"
        rm -rf "$folder" "$folder.new"
        cp -r "$source" "$folder.new"
        other_broker_command "$name" "$folder.new"
        info "fetching the broker $name with ${command[0]}, once (log in $log)"
        # Go would download another version of itself.
        run_tied env GOTOOLCHAIN=local timeout 300 "${command[@]}" >"$log" 2>&1 || status=$?
        if ((status == 0)); then
            mv "$folder.new" "$folder"
        else
            warn "the broker $name cannot be had here ($(tail -n 1 "$log")): its rows of docs/brokers.md are skipped"
        fi
    fi
    exec {fd}>&-
    return "$status"
}

# check_made FOLDER: ends the script where FOLDER was not made by fetch_other_broker: such a folder is not ours to
# remove.
check_made() {
    [[ ! -e $1 ]] || grep -qsE 'module roomstream/|"roomstream-|<groupId>roomstream<' "$1"/{go.mod,package.json,pom.xml} ||
        die "$1 was not made by these scripts, and is left as it is: name another folder by ROOMSTREAM_OTHER_BROKERS"
}

# made_from SOURCE FOLDER: whether FOLDER was made from SOURCE as it is now.
made_from() {
    [[ -d $2 ]] || return 1
    local file
    for file in "$1"/*; do cmp -s "$file" "$2/${file##*/}" || return 1; done
}

fetch_other_brokers() {
    local name
    for name in "${other_broker_names[@]}"; do fetch_other_broker "$name" || true; done
}
