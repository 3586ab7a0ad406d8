# Jars of Java servers, downloaded by Maven from Maven Central. Needs common.sh and process.sh.
# shellcheck shell=bash

# fetch_jars WHAT POM FOLDER: downloads what POM names into FOLDER if it is not there yet, or was fetched for another
# POM.
fetch_jars() {
    local what=$1 pom=$2 folder=$3 log=$3.log fd
    cmp -s "$pom" "$folder/pom.xml" && return
    make_state_folder "${folder%/*}"
    refuse_links "$folder.lock" "$log"
    exec {fd}>>"$folder.lock"
    flock --wait 600 "$fd" || die "another process has been downloading $what for ten minutes ($folder.lock)"
    if ! cmp -s "$pom" "$folder/pom.xml"; then
        check_jars "$folder"
        check_jars "$folder.new"
        info "downloading $what from Maven Central, once (log in $log)"
        remove_jars "$folder.new"
        # The POM marks them as ours, even after an interruption.
        mkdir "$folder.new" && cp "$pom" "$folder.new/"
        # By its whole name: offline, the error for a short name would be that nothing has that name.
        if ! run_tied timeout 1800 mvn --batch-mode --file "$pom" \
            org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$folder.new" >"$log" 2>&1; then
            show_cause "$log"
            die "$what could not be downloaded: check the connection to Maven Central (or the mirror in ~/.m2/settings.xml)"
        fi
        remove_jars "$folder"
        mv -T "$folder.new" "$folder"
    fi
    exec {fd}>&-
}

# check_jars FOLDER: ends the script where FOLDER holds files that fetch_jars did not download: those are not ours to
# remove.
check_jars() {
    [[ -e $1 && $(ls -A -- "$1") ]] || return 0
    grep -qs '<groupId>roomstream</groupId>' "$1/pom.xml" ||
        die "$1 holds files that were not downloaded by these scripts, and is left as it is: name another folder for the jars"
}

# remove_jars FOLDER: removes what fetch_jars has put there, and the folder.
remove_jars() {
    [[ -e $1 ]] || return 0
    check_jars "$1"
    rm -f -- "$1"/*.jar "$1/pom.xml"
    rmdir -- "$1" || die "$1 holds other files than jars, and is left as it is: name another folder for the jars"
}
