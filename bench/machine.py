"""What a table of figures must say beside the figures."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

PACKAGES = ("libpaho-mqtt1.3", "librdkafka1", "libcsv3", "mosquitto", "libsqlite3-0", "postgresql-15")


def _processor():
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _system():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _version(package):
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
    return query.stdout or "unknown"


def describe():
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} x {_processor()}",
        "system": f"{_system()}, Linux {platform.release()}",
        "versions": ", ".join(f"{package} {_version(package)}" for package in PACKAGES),
    }
