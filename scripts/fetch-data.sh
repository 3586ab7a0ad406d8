#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: fetch-data.sh [DEST]

Downloads the UCI "Room Occupancy Estimation" data set (CC BY 4.0, see data/README.md), checks its
SHA-256 and writes it to DEST (default: data/occupancy.csv of this checkout). Needs python3. Does nothing
if DEST is there already and right; never overwrites another file.

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

checksum() {
    local sum
    sum=$(sha256sum <"$1") || fail "cannot read $1"
    printf '%s\n' "${sum%% *}"
}

# fetch CSV. In the background, because bash acts on a signal at once only while it waits.
fetch() {
    local status=0
    timeout "$time_limit" python3 - "$url" "$member" "$1" <<'PYTHON' &
import io, sys, urllib.request, zipfile
url, member, path = sys.argv[1:]
try:
    body = urllib.request.urlopen(url, timeout=30).read()
except Exception as error:
    sys.exit(f"cannot download {url}: {error}")
try:
    content = zipfile.ZipFile(io.BytesIO(body)).read(member)
except Exception as error:
    sys.exit(f"cannot take {member} out of what {url} sent ({len(body)} bytes): {error}: not that zip, or cut short")
with open(path, "wb") as file:
    file.write(content)
PYTHON
    wait $! || status=$?
    ((status != 124)) || fail "gave up on $url after $time_limit seconds"
    ((status == 0)) ||
        fail "check the network and any proxy, or download $page by hand and put its $member at $dest"
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
command -v python3 >/dev/null || fail "python3 is not installed (scripts/run.sh installs it)"

# Beside the destination, so that the last step is a rename.
work=$(mktemp -d -- "$(dirname -- "$dest")/.fetch-data.XXXXXX") || fail "cannot write beside $dest"
trap cleanup EXIT

fetch "$work/csv"
actual=$(checksum "$work/csv")
[[ $actual == "$sha256" ]] ||
    fail "$member from $url has the wrong SHA-256: $actual instead of $sha256" \
        "the data set has changed or the download was tampered with: nothing was written"
mv -T -- "$work/csv" "$dest"
echo "$dest: $(stat -c %s "$dest") bytes, checksum right"
