"""The bridge that one writes first: paho-mqtt and confluent_kafka in ten lines, at QoS 1 with a kept session. It is measured beside ours."""

import sys

import paho.mqtt.client as mqtt
from confluent_kafka import Producer

host, port, client_id, topic, brokers = sys.argv[1:]
producer = Producer({"bootstrap.servers": brokers, "acks": "all", "linger.ms": 5})


def on_connect(client, *_):
    client.subscribe(topic, qos=1)


def on_message(_, __, message):
    while True:
        try:
            producer.produce(topic, message.payload)
            break
        except BufferError:  # the queue is full
            producer.poll(0.1)
    producer.poll(0)


client = mqtt.Client(client_id, clean_session=False)
client.on_connect, client.on_message = on_connect, on_message
client.on_subscribe = lambda *_: print("subscribed", file=sys.stderr, flush=True)
client.connect(host, int(port))
client.loop_forever()
