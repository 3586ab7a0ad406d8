# Jars of Java servers, downloaded by Maven from Maven Central. Needs common.sh and process.sh.
# shellcheck shell=bash

# fetch_jars WHAT POM FOLDER: downloads what POM names into FOLDER if it is not there yet, or was fetched for another POM.
fetch_jars() {
    local what=$1 pom=$2 folder=$3 log=$3.log fd
    cmp -s "$pom" "$folder/pom.xml" && return
    mkdir -p "${folder%/*}" || die "cannot make the folder ${folder%/*}"
    exec {fd}>>"$folder.lock"
    flock --wait 600 "$fd" || die "another process has been downloading $what for ten minutes ($folder.lock)"
    if ! cmp -s "$pom" "$folder/pom.xml"; then
        info "downloading $what from Maven Central, once (log in $log)"
        rm -rf "$folder.new" "$folder"
        if ! run_tied timeout 1800 mvn --batch-mode --file "$pom" dependency:copy-dependencies \
            -DincludeScope=runtime -DoutputDirectory="$folder.new" >"$log" 2>&1; then
            show_tail "$log"
            die "$what could not be downloaded: check the connection to Maven Central (or the mirror in ~/.m2/settings.xml)"
        fi
        cp "$pom" "$folder.new/"
        mv "$folder.new" "$folder"
    fi
    exec {fd}>&-
}
