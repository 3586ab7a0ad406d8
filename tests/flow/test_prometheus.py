"""Prometheus and Grafana: the alert rules, the dashboard, and the real Prometheus with six bridges."""

import json
import os
import re
import subprocess
import urllib.parse
from pathlib import Path

import pytest
import yaml
from bridges import Bridge, publish_numbers
from clients import wait_for_messages
from programs import ROOT
from scrape import address_of, request, samples
from waiting import wait_until

CONFIG = ROOT / "config"
DASHBOARD = CONFIG / "grafana" / "bridges.json"
NAMES = ("temp", "light", "sound", "co2", "co2-slope", "pir")


def promtool(*arguments):
    result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def test_alert_rules():
    promtool("check", "config", CONFIG / "prometheus.yml")
    promtool("test", "rules", ROOT / "tests" / "flow" / "prometheus-alerts.test.yml")


def test_every_alert_has_a_test():
    rules, = yaml.safe_load((CONFIG / "prometheus-alerts.yml").read_text())["groups"]
    tests = (ROOT / "tests" / "flow" / "prometheus-alerts.test.yml").read_text()
    for rule in rules["rules"]:
        assert rule["alert"] in tests
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.fixture
def bridges(brokers, programs, tmp_path):
    """Six bridges; one delivers exactly once, so that all metrics are there."""
    started = {name: Bridge(programs, tmp_path, "--http", "0", "--delivery", "exactly-once" if name == "pir" else "at-least-once",
                            topic=f"{name}-{tmp_path.name}").start(subscribed=False) for name in NAMES}
    for bridge in started.values():
        bridge.program.wait_for_log("subscribed to")
    return started


@pytest.fixture
def prometheus(bridges, programs, tmp_path):
    """Debian's Prometheus, with our configuration but for the intervals; yields its address."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "bridges").mkdir()
    text = re.sub("15s|30s", "1s", (CONFIG / "prometheus.yml").read_text())
    (folder / "prometheus.yml").write_text(text)
    (folder / "prometheus-alerts.yml").write_text(re.sub("for: .*", "for: 1s", (CONFIG / "prometheus-alerts.yml").read_text()))
    (folder / "bridges" / "six.json").write_text(json.dumps(
        [{"targets": [address_of(bridge)], "labels": {"bridge": f"bridge-{name}"}} for name, bridge in bridges.items()]))
    program = programs.start("/usr/bin/prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                             "--web.listen-address=127.0.0.1:0", label="prometheus")
    port = wait_until(lambda: listening_port(program), 30, lambda: f"Prometheus listens: {program.stderr[-2000:]}")
    return f"127.0.0.1:{port}"


def listening_port(program):
    """The port on 127.0.0.1 at which the program listens; it does not log a port that the system has chosen."""
    assert program.is_running(), program.stderr
    process = Path(f"/proc/{program.pid}")
    sockets = {os.readlink(link) for link in (process / "fd").iterdir() if link.is_symlink()}
    for line in (process / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:  # it listens (proc_net_tcp, 0A is LISTEN)
            return int(fields[1].split(":")[1], 16)
    return 0


def query(prometheus, expression):
    """The result of an instant query: label `bridge` to the value."""
    answer = request(prometheus, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
    return {each["metric"].get("bridge"): float(each["value"][1]) for each in json.loads(answer.text)["data"]["result"]}


def firing(prometheus):
    alerts = json.loads(request(prometheus, "/api/v1/alerts").text)["data"]["alerts"]
    return {(each["labels"]["alertname"], each["labels"]["bridge"]) for each in alerts if each["state"] == "firing"}


def test_six_bridges_are_scraped_and_an_alert_fires(brokers, mqtt_client, bridges, prometheus):
    all_names = {f"bridge-{name}" for name in NAMES}
    for bridge in bridges.values():
        publish_numbers(mqtt_client, bridge.topic, 1, 30, qos=2)
    for bridge in bridges.values():
        wait_for_messages(brokers.kafka.address, bridge.topic, 30)
    wait_until(lambda: query(prometheus, "roomstream_bridge_messages_delivered_total") == dict.fromkeys(all_names, 30), 30,
               lambda: f"all is delivered: {query(prometheus, 'roomstream_bridge_messages_delivered_total')}")
    assert query(prometheus, 'up{job="roomstream"}') == dict.fromkeys(all_names, 1)
    assert query(prometheus, "sum(roomstream_bridge_messages_received_total)") == {None: 180}
    metrics_of_dashboard_and_alerts_exist(bridges)
    wait_until(lambda: firing(prometheus) == set(), 30, lambda: f"no alert fires: {firing(prometheus)}")
    brokers.kafka.stop()
    try:
        wait_until(lambda: {("BridgeWithoutKafka", name) for name in all_names} <= firing(prometheus), 60,
                   lambda: f"an alert fires: {firing(prometheus)}")
    finally:
        brokers.kafka.start()
    wait_until(lambda: firing(prometheus) == set(), 60, lambda: f"no alert fires any more: {firing(prometheus)}")
    bridges["temp"].kill()
    wait_until(lambda: firing(prometheus) == {("BridgeDown", "bridge-temp")}, 30, lambda: f"the bridge is missed: {firing(prometheus)}")


def metrics_of_dashboard_and_alerts_exist(bridges):
    there = {name for bridge in bridges.values() for name, _ in samples(request(address_of(bridge), "/metrics").text)}
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules, = yaml.safe_load((CONFIG / "prometheus-alerts.yml").read_text())["groups"]
    expressions += [rule["expr"] for rule in rules["rules"]]
    named = set(re.findall(r"\b(?:roomstream|process)_[a-z0-9_]+", "\n".join(expressions)))
    # The tests of these programs check those.
    named = {name for name in named if not name.startswith(tuple(f"roomstream_{other}_" for other in ("store", "downlink", "estimate", "dashboard")))}
    assert len(named) > 20 and named <= there, named - there
    # The dashboard has all metrics of a bridge about messages.
    assert {name for name in there if name.startswith("roomstream_bridge_messages_")} - named == {"roomstream_bridge_messages_dead_lettered_total"}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) > 10
