"""What a bridge shows over HTTP, read without our code."""

import http.client
import json
import re
import subprocess
from urllib.parse import urlsplit

from programs import ROOT

SAMPLE = re.compile(r'([a-z0-9_]+)(?:\{((?:[a-z0-9_]+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-z0-9_]+)="((?:[^"\\]|\\.)*)"')


def address_of(program):
    """The HTTP address of a program, or of a Bridge, from its log: HOST:PORT."""
    program = getattr(program, "program", program)
    return program.wait_for_log(r"serving HTTP at http://(\S+)/").group(1)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()


def request(address, path, method="GET", body=None, limit=10):
    """The answer to a request; OSError when nobody listens."""
    parts = urlsplit(f"//{address}")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=limit)
    try:
        connection.request(method, path, body)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def samples(text):
    """All samples of the text format: (name, ((label, value), ...)) to the value."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            key = (name, tuple(LABEL.findall(labels or "")))
            assert key not in found, line
            found[key] = float(value)
    return found


def scrape(address, program="bridge"):
    """The samples without labels, by their names after roomstream_PROGRAM_."""
    answer = request(address, "/metrics")
    assert answer.status == 200
    return {name.removeprefix(f"roomstream_{program}_"): value for (name, labels), value in samples(answer.text).items() if not labels}


def status(address):
    return json.loads(request(address, "/status").text)


def check_metrics(text):
    """Prometheus' own judgement of the text."""
    result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", ""), (result.stdout, result.stderr)


def alert_metrics(program):
    """The metrics of a program that the alerts need."""
    return set(re.findall(rf"\broomstream_{program}_[a-z0-9_]+", (ROOT / "config" / "prometheus-alerts.yml").read_text()))
