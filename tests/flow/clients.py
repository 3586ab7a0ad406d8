"""Clients that share no code with ours: paho-mqtt and confluent-kafka check what our programs did."""

import ctypes
import threading
import time
import uuid

import paho.mqtt.client as mqtt
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from waiting import wait_until


def paho_client(client_id, protocol=mqtt.MQTTv5):
    """A client of paho-mqtt that speaks MQTT 5, or 3.1.1."""
    arguments = {"client_id": client_id, "protocol": protocol}
    if hasattr(mqtt, "CallbackAPIVersion"):  # paho-mqtt 2 requires it, 1.6 does not know it
        arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
    return mqtt.Client(**arguments)


class MqttClient:
    """An MQTT client that keeps all that it receives in messages; version: 5 or 3.1.1, which has no properties. Use it in a with
    block."""

    def __init__(self, port, client_id=None, host="127.0.0.1", version="5"):
        self._version = version
        self._client = paho_client(client_id or f"test-{uuid.uuid4().hex[:16]}", mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311)
        self._client.max_queued_messages_set(0)
        self._client.max_inflight_messages_set(100)
        self._host, self._port = host, port
        self._subscribed = threading.Event()
        self.messages = []
        self.acknowledged = 0  # number of published messages
        self._client.on_message = lambda _client, _data, message: self.messages.append(message)
        self._client.on_publish = lambda *_: setattr(self, "acknowledged", self.acknowledged + 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    def __enter__(self):
        self._client.connect(self._host, self._port)
        self._client.loop_start()
        wait_until(self._client.is_connected, 10, "MQTT test client is connected")
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, topic, qos=1):
        """Returns when the broker has confirmed it."""
        self._subscribed.clear()
        self._client.subscribe(topic, qos)
        assert self._subscribed.wait(10), f"subscription to {topic} not confirmed"

    def publish(self, topic, payload, qos=1, retain=False, user_properties=(), **properties):
        """Returns at once; wait for the last one with published(). properties: those of MQTT 5, as ContentType='x'."""
        if self._version != "5":
            return self._client.publish(topic, payload, qos, retain)
        packet = Properties(PacketTypes.PUBLISH)
        if user_properties:
            packet.UserProperty = list(user_properties)
        for name, value in properties.items():
            setattr(packet, name, value)
        return self._client.publish(topic, payload, qos, retain, properties=packet)

    @staticmethod
    def published(info, limit=30):
        """Waits until the broker has acknowledged the message of this info (from publish())."""
        info.wait_for_publish(limit)
        assert info.is_published(), f"message {info.mid} not acknowledged within {limit} s"

    def wait_for(self, count, limit=30):
        """Waits for count messages in all and returns them."""
        wait_until(lambda: len(self.messages) >= count, limit, lambda: f"{count} MQTT messages, not {len(self.messages)}")
        return self.messages


def create_topic(brokers, topic, partitions=1, config=None):
    """Makes a Kafka topic. config: its settings, as texts."""
    admin = AdminClient({"bootstrap.servers": brokers})  # by name: it must live until the result is there
    admin.create_topics([NewTopic(topic, partitions, 1, config=config or {})])[topic].result(30)


def delete_topic(brokers, topic):
    """Deletes a Kafka topic and returns when it is gone."""
    admin = AdminClient({"bootstrap.servers": brokers})  # by name: it must live until the result is there
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: not topic_partitions(brokers, topic), 30, f"the Kafka topic {topic} is gone")


def delete_records(brokers, topic, offset):
    """Deletes what is before the offset in the topic's partition 0, as retention does. It calls librdkafka itself: the module for Python
    cannot."""
    kafka = ctypes.CDLL("librdkafka.so.1")
    for name in ("conf_new", "new", "topic_partition_list_new", "DeleteRecords_new", "queue_new", "queue_poll"):
        getattr(kafka, f"rd_kafka_{name}").restype = ctypes.c_void_p
    conf = ctypes.c_void_p(kafka.rd_kafka_conf_new())
    kafka.rd_kafka_conf_set(conf, b"bootstrap.servers", brokers.encode(), None, 0)
    client = ctypes.c_void_p(kafka.rd_kafka_new(0, conf, None, 0))
    partitions = ctypes.c_void_p(kafka.rd_kafka_topic_partition_list_new(1))
    kafka.rd_kafka_topic_partition_list_add(partitions, topic.encode(), 0)
    kafka.rd_kafka_topic_partition_list_set_offset(partitions, topic.encode(), 0, ctypes.c_int64(offset))
    request = (ctypes.c_void_p * 1)(kafka.rd_kafka_DeleteRecords_new(partitions))
    queue = ctypes.c_void_p(kafka.rd_kafka_queue_new(client))
    kafka.rd_kafka_DeleteRecords(client, request, 1, None, queue)
    event = kafka.rd_kafka_queue_poll(queue, 30_000)
    assert event and kafka.rd_kafka_event_error(ctypes.c_void_p(event)) == 0


def topic_partitions(brokers, topic):
    """The ids of a Kafka topic's partitions; none if there is no such topic."""
    topics = AdminClient({"bootstrap.servers": brokers}).list_topics(timeout=30).topics
    return sorted(topics[topic].partitions) if topic in topics else []


def topic_setting(brokers, topic, name):
    """The value of one of a Kafka topic's settings."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": brokers})  # by name: it must live until the result is there
    return admin.describe_configs([resource])[resource].result(30)[name].value


def produce(brokers, topic, payloads):
    """Writes payloads to a Kafka topic and returns when all are acknowledged."""
    producer = Producer({"bootstrap.servers": brokers})
    for payload in payloads:
        producer.produce(topic, payload)
    assert producer.flush(30) == 0, f"not all messages were taken by {topic}"


def read_topic(brokers, topic, limit=60, isolation="read_committed"):
    """All committed messages of a Kafka topic from its beginning to its present end, a list of confluent_kafka.Message.
    isolation: read_uncommitted for the others as well."""
    partitions = topic_partitions(brokers, topic)
    consumer = Consumer({
        "bootstrap.servers": brokers, "group.id": f"test-{uuid.uuid4()}", "enable.auto.commit": False,
        "isolation.level": isolation, "enable.partition.eof": True,
    })
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        found, ended, end = [], set(), time.monotonic() + limit
        while len(ended) < len(partitions):
            assert time.monotonic() < end, f"{topic} not read to its end within {limit} s: {len(found)} messages so far"
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error() is None:
                found.append(message)
            elif message.error().name() == "_PARTITION_EOF":
                ended.add(message.partition())
            else:
                raise KafkaException(message.error())
        return found
    finally:
        consumer.close()


def end_offset(brokers, topic, partition=0):
    """How many offsets a partition has used. Unlike reading to the end, this returns while messages keep coming."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"test-{uuid.uuid4()}"})
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)[1]
    finally:
        consumer.close()


def wait_for_messages(brokers, topic, count, limit=60):
    """Reads a Kafka topic until it holds count messages or more, and returns them."""
    return wait_until(
        lambda: (found := read_topic(brokers, topic)) and len(found) >= count and found or None,
        limit, lambda: f"{count} messages in Kafka topic {topic}, not {len(read_topic(brokers, topic))}",
    )
