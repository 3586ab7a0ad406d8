#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: fetch-data.sh [DEST]

Downloads the UCI "Room Occupancy Estimation" data set (CC BY 4.0, see data/README.md), checks its
SHA-256 and writes it to DEST (default: data/occupancy.csv of this checkout). Needs curl or wget, and
unzip or python3. Does nothing if DEST is there already and right; never overwrites another file.

Environment: ROOMSTREAM_DATA_URL     where the zip is (a mirror)
             ROOMSTREAM_DATA_SHA256  the checksum of the CSV in it
Exit status: 0 DEST is there and right, 1 failed (nothing was written), 2 used wrongly
TEXT
}

readonly page=https://archive.ics.uci.edu/dataset/864
readonly member=Occupancy_Estimation.csv
readonly time_limit=300 # seconds; the zip has about 100 KB
url=${ROOMSTREAM_DATA_URL:-https://archive.ics.uci.edu/static/public/864/room+occupancy+estimation.zip}
sha256=${ROOMSTREAM_DATA_SHA256:-c090ee5c94b61762bfec9d22767864490b51030f98cca030f02822468db25d9c}

fail() {
    printf 'fetch-data.sh: %s\n' "$@" >&2
    exit 1
}

first_of() {
    local tool
    for tool in "$@"; do
        if command -v "$tool" >/dev/null; then
            printf '%s\n' "$tool"
            return
        fi
    done
    fail "neither $1 nor $2 is installed: install one of them, then run this again"
}

checksum() {
    local sum
    sum=$(sha256sum <"$1") || fail "cannot read $1"
    printf '%s\n' "${sum%% *}"
}

# download TOOL FILE. In the background, because bash acts on a signal at once only while it waits.
download() {
    local status=0 command=(curl -fsSLg --connect-timeout 30 -o "$2" -- "$url")
    if [[ $1 == wget ]]; then
        command=(wget -nv --timeout=30 --tries=1 -O "$2" -- "$url")
    fi
    timeout "$time_limit" "${command[@]}" &
    wait $! || status=$?
    if ((status == 124)); then
        fail "gave up on $url after $time_limit seconds"
    elif ((status != 0)); then
        fail "cannot download $url ($1 exited with status $status)" \
            "check the network and any proxy, or download $page by hand and put its $member at $dest"
    fi
}

# unpack TOOL ZIP: the CSV on stdout.
unpack() {
    case $1 in
        unzip) unzip -p "$2" "$member" ;;
        python3) python3 -c 'import sys, zipfile
try:
    sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))
    sys.stdout.flush()
except Exception as error:
    sys.exit(f"python3: {error}")' "$2" "$member" ;;
    esac
}

cleanup() {
    jobs -p | xargs -r kill
    wait
    rm -rf -- "$work"
}

case ${1-} in
    -h | --help) usage && exit ;;
    -*) usage >&2 && exit 2 ;;
esac
if (($# > 1)) || [[ ${1-default} == '' ]]; then
    usage >&2
    exit 2
fi
dest=${1:-$(dirname -- "${BASH_SOURCE[0]}")/../data/occupancy.csv}
dest=$(realpath -m -- "$dest")

if [[ -e $dest ]]; then
    [[ -f $dest ]] || fail "$dest is not a regular file: name the file to write"
    actual=$(checksum "$dest")
    if [[ $actual == "$sha256" ]]; then
        echo "$dest is there already and its checksum is right: nothing to do"
        exit
    fi
    fail "$dest exists and is not the data set (its SHA-256 is not $sha256): move it away, then run this again"
fi
downloader=$(first_of curl wget)
unpacker=$(first_of unzip python3)

# Beside the destination, so that the last step is a rename.
work=$(mktemp -d -- "$(dirname -- "$dest")/.fetch-data.XXXXXX") || fail "cannot write beside $dest"
trap cleanup EXIT

download "$downloader" "$work/zip"
unpack "$unpacker" "$work/zip" >"$work/csv" ||
    fail "cannot take $member out of what $url sent ($(stat -c %s "$work/zip") bytes): not that zip, or cut short; run this again"
actual=$(checksum "$work/csv")
[[ $actual == "$sha256" ]] ||
    fail "$member from $url has the wrong SHA-256: $actual instead of $sha256" \
        "the data set has changed or the download was tampered with: nothing was written"
mv -T -- "$work/csv" "$dest"
echo "$dest: $(stat -c %s "$dest") bytes, checksum right"
