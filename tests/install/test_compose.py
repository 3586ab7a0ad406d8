"""docker-compose.yml and the Dockerfile, as far as they can be checked without an engine that runs them."""

import json
import re

import pytest
import yaml
from places import BIN, PROGRAMS, ROOT, run

SENSORS = re.findall(r"^SENSOR\((\w+),", (ROOT / "lib/sensors.def").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_compose_accepts_it():
    run("docker-compose", "--file", ROOT / "docker-compose.yml", "--profile", "publish", "--profile", "monitoring", "--profile", "store", "config", "--quiet")


TO_ADD = """docker-compose.yml has no services for the sensor {name} of lib/sensors.def. Add to it:
  bridge-{name}:
    <<: *bridge
    command: [roomstream-bridge-{name}]
    environment: {{<<: *serving, ROOMSTREAM_HTTP_HOST: bridge-{name}}}
  publish-{name}:
    <<: *publisher
    command: [roomstream-publish-{name}]
    depends_on: {{bridge-{name}: {{condition: service_healthy}}}}
and to config/docker/bridges.json:
  {{"targets": ["bridge-{name}:9751"], "labels": {{"bridge": "bridge-{name}"}}}}"""


def test_has_a_bridge_and_a_publisher_for_each_sensor(services):
    assert len(SENSORS) >= 6
    for name in (sensor.replace("_", "-") for sensor in SENSORS):
        assert {f"bridge-{name}", f"publish-{name}"} <= services.keys(), TO_ADD.format(name=name)
        bridge, publisher = services[f"bridge-{name}"], services[f"publish-{name}"]
        assert bridge["command"] == [f"roomstream-bridge-{name}"]
        assert publisher["command"] == [f"roomstream-publish-{name}"]
        assert publisher["profiles"] == ["publish"] and "profiles" not in bridge
        assert publisher["depends_on"] == {f"bridge-{name}": {"condition": "service_healthy"}}
        assert {f"bridge-{name}", f"publish-{name}"} <= set(PROGRAMS)
    assert services["estimate"]["command"] == ["roomstream-estimate"]
    assert services["downlink"]["command"] == ["roomstream-downlink"]
    assert len(services) == 2 + 2 + 2 + 3 + 2 * len(SENSORS)  # brokers, monitoring, store with its database; estimate, downlink, dashboard
    assert services["dashboard"]["ports"] == ["127.0.0.1:9750:9750"]
    assert services["dashboard"]["environment"]["ROOMSTREAM_STATUS"].split() == \
        [*(f"bridge-{name.replace('_', '-')}:9751" for name in SENSORS), "estimate:9751", "downlink:9751"]


def test_programs_understand_their_environment(services):
    for service in services.values():
        for program in service.get("command", []):
            variables = {name: str(value) for name, value in service["environment"].items()}
            config = run(BIN / program.removeprefix("roomstream-"), "--print-config", **variables)
            values = {}  # an option that is given several times has a line for each
            for name, value in (line.split(" = ", 1) for line in config.splitlines() if " = " in line):
                values[name] = f"{values[name]}\n{value}" if name in values else value
            assert values.get("host", "mosquitto") == "mosquitto" and values.get("brokers", "kafka:19092") == "kafka:19092"
            for name, value in variables.items():
                if name.startswith("ROOMSTREAM_"):
                    assert values[name.removeprefix("ROOMSTREAM_").lower().replace("_", "-")] == value


def test_brokers_are_ours_alone_and_checked(services):
    for name in ("mosquitto", "kafka"):
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
        assert services[name]["healthcheck"]["test"][0] == "CMD"
    version = re.search(r"<kafka.version>(.+)</kafka.version>", (ROOT / "config/kafka/pom.xml").read_text())[1]
    assert services["kafka"]["image"] == f"apache/kafka:{version}"


def test_bridge_is_healthy_while_connected_to_port_1883(services):
    pattern = services["bridge-temp"]["healthcheck"]["test"][3]
    assert pattern == f":{1883:04X} 01"


def test_image_is_made_by_the_script_that_makes_the_package():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "scripts/package.sh" in dockerfile
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", dockerfile, re.MULTILINE), "not as root"
    assert dockerfile.index("\nUSER ") < dockerfile.index("\nCMD ")


def test_monitoring_is_asked_for_and_finds_every_program(services):
    targets = json.loads((ROOT / "config/docker/bridges.json").read_text())
    serving = [name for name, each in services.items() if "ROOMSTREAM_HTTP" in each.get("environment", {}) and "profiles" not in each]
    assert [name for group in targets for name in group["labels"].values()] == serving
    for group in targets:
        name, port = group["targets"][0].split(":")
        assert group["labels"] == {name.split("-")[0]: name}
        assert services[name]["environment"]["ROOMSTREAM_HTTP"] == f"0.0.0.0:{port}"
        assert services[name]["environment"]["ROOMSTREAM_HTTP_HOST"] == name
        assert "ports" not in services[name] or name == "dashboard"  # inside the network only
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["monitoring"]
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
        for volume in services[name]["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), source
