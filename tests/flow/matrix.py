"""What holds on which broker: the tables of docs/brokers.md, as data. test_matrix.py runs each cell and holds the document to it."""

from other_brokers import Aedes, HiveMQ, Mochi, Moquette, Mosquitto, Rumqttd

MQTT_ROWS = {
    "Mosquitto 2.0.11": Mosquitto, "Mosquitto 2.0.21": Mosquitto, "HiveMQ CE 2025.5": HiveMQ, "aedes 1.2.0": Aedes,
    "Moquette 0.17": Moquette, "mochi 2.7.9": Mochi, "rumqttd 0.20.0": Rumqttd,
}
MQTT_CELLS = (
    "publish, QoS 1", "publish, QoS 2", "subscribe, QoS 1", "subscribe, QoS 2", "bridge killed, at least once",
    "bridge killed, exactly once", "broker restarted, at least once", "broker restarted, exactly once",
)
ALL = dict.fromkeys(MQTT_CELLS, "yes")
ONLY_311 = {"bridge killed, exactly once": "refused", "broker restarted, exactly once": "refused"}
MQTT_TABLE = {row: ALL for row in MQTT_ROWS} | {
    "HiveMQ CE 2025.5": ALL | {"broker restarted, exactly once": ("yes", "doubled")},
    # It holds messages back until the client connects again.
    "aedes 1.2.0": ALL | ONLY_311 | dict.fromkeys(MQTT_CELLS[:4], ("yes", "missing")) |
    dict.fromkeys(("bridge killed, at least once", "broker restarted, at least once"), ("yes", "late")),
    "Moquette 0.17": ALL | ONLY_311 | {
        "bridge killed, at least once": ("yes", "lost"), "broker restarted, at least once": ("yes", "broker does not start again")},
    # It gives packet ids again that are not acknowledged, and forgets the messages that had them.
    "mochi 2.7.9": ALL | {
        "bridge killed, exactly once": ("yes", "late", "lost", "doubled"), "broker restarted, exactly once": ("yes", "late", "lost", "doubled")},
    # It keeps everything in memory, and sends by other packet ids when a client connects again.
    "rumqttd 0.20.0": ALL | {"bridge killed, exactly once": ("yes", "doubled")} |
    dict.fromkeys(("broker restarted, at least once", "broker restarted, exactly once"), "lost"),
}

KAFKA_ROWS = {"Kafka 4.1.1": "kafka", "Kafka 3.9.1": "old_kafka", "kfake 2026-09-18": "kfake"}
KAFKA_CELLS = (
    "kafka-produce, kafka-consume", "bridge killed, at least once", "bridge killed, exactly once", "Kafka restarted, at least once",
    "Kafka restarted, exactly once",
)
KAFKA_TABLE = {row: dict.fromkeys(KAFKA_CELLS, "yes") for row in KAFKA_ROWS}


def words(outcome):
    """An outcome as the document has it; a tuple holds several, of which a run shows one."""
    return " or ".join(outcome) if isinstance(outcome, tuple) else outcome


def markdown(table):
    """A table of the document: a row a broker."""
    cells = list(next(iter(table.values())))
    lines = ["| | " + " | ".join(cells) + " |", "|---" * (len(cells) + 1) + "|"]
    lines += [f"| {row} | " + " | ".join(words(outcomes[cell]) for cell in cells) + " |" for row, outcomes in table.items()]
    return "\n".join(lines) + "\n"
