"""Fixtures of the flow tests. Real brokers, started once for a file of tests."""

import pytest
from brokers import Brokers, mqtt_broker
from clients import MqttClient
from programs import BIN, Programs
from secured import Secured


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory):
    """Programs neither announce themselves to the user's status nor write to the user's state folder."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable)))
        yield


@pytest.fixture(scope="session")
def brokers(tmp_path_factory):
    """A private Mosquitto (brokers.mqtt) and Kafka (brokers.kafka); a test that stops one starts it again."""
    with Brokers(tmp_path_factory.mktemp("brokers")) as pair:
        yield pair


@pytest.fixture(scope="session")
def mqtt(tmp_path_factory):
    """A private MQTT broker alone."""
    broker = mqtt_broker(tmp_path_factory.mktemp("mqtt")).start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def secured(tmp_path_factory):
    """A private Mosquitto with listeners of every kind."""
    broker = Secured(tmp_path_factory.mktemp("secured"))
    with broker.broker:
        yield broker


@pytest.fixture
def programs(tmp_path, request):
    """Starts our programs, by default with the addresses of the private brokers that the test uses; ends those that still run."""
    env = request.getfixturevalue("brokers").env if "brokers" in request.fixturenames else {}
    started = Programs(tmp_path / "programs", env)
    yield started
    started.end_all()


@pytest.fixture
def mqtt_client(brokers):
    """A connected MQTT client that is not ours."""
    with MqttClient(brokers.mqtt.port) as client:
        yield client


@pytest.fixture(scope="session")
def bin_folder():
    """The folder of the built programs."""
    return BIN
