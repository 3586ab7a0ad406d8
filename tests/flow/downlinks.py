"""downlink, and what its tests need."""

import uuid

import scrape
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from waiting import wait_until

QUICK = ("-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=500")


def start_downlink(programs, topic, *arguments, **options):
    return programs.start("downlink", "-t", topic, "-G", f"g-{topic}", "--http", "0", *QUICK, *arguments, **options)


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:8]}"


def send(brokers, topic, messages):
    """messages: dicts as Producer.produce takes them; returns when all are in Kafka."""
    producer = Producer({"bootstrap.servers": brokers})
    for message in messages:
        producer.produce(topic, **message)
        producer.poll(0)
    assert producer.flush(30) == 0


def committed(brokers, group, topic, partition=0):
    """The group's position; -1001: there is none; None: Kafka does not answer now."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group})
    try:
        return consumer.committed([TopicPartition(topic, partition)], timeout=30)[0].offset
    except KafkaException:  # the coordinator is being found
        return None
    finally:
        consumer.close()


def commit(brokers, group, topic, position, partition=0):
    """As if a member of the group, which has none now, had committed it."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, partition, position)], asynchronous=False)
    consumer.close()


def wait_for_commit(brokers, topic, position, partition=0, limit=30):
    wait_until(lambda: committed(brokers, f"g-{topic}", topic, partition) == position, limit,
               lambda: f"the position {position}, not {committed(brokers, f'g-{topic}', topic, partition)}")


def metrics(downlink):
    return scrape.scrape(scrape.address_of(downlink), "downlink")


def adds_up(found):
    return found["messages_consumed_total"] == sum(
        found[f"messages_{name}"] for name in ("sent_total", "dead_total", "skipped_total", "returned_total", "in_flight"))


def status(downlink):
    return scrape.status(scrape.address_of(downlink))


def user_properties(message):
    return getattr(message.properties, "UserProperty", [])
