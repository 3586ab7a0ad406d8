"""Where the jars of a Java server are."""

import functools
import subprocess

from programs import ROOT

_FETCH = """set -euo pipefail
for part in common process "$1"; do . "scripts/lib/$part.sh"; done
"fetch_$1" >&2
jars=$1_jars
printf %s "${!jars}"
"""


@functools.cache
def jars(server):
    """The folder of the jars of 'kafka', 'old_kafka' or 'hivemq', which are fetched if they are not there."""
    command = ["bash", "-c", _FETCH, "jars", server]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=1800).stdout
