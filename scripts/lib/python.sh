# Which Python to use. Sets python.
# shellcheck shell=bash

# find_python MODULE: sets python to the first python3 that has MODULE; false if none has. Debian's own is tried second
# for users who have another one before it in PATH, which does not find Debian's modules.
find_python() {
    for python in python3 /usr/bin/python3; do
        "$python" -c "import $1" 2>/dev/null && return
    done
    python=
    return 1
}
