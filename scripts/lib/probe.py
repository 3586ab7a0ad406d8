#!/usr/bin/env python3
"""Does a broker answer?  probe.py mqtt HOST PORT | probe.py kafka HOST:PORT[,HOST:PORT...]

Exit status: 0 it answers in its protocol, 3 nothing takes the connection, 4 something takes the connection but does not
answer (it may want TLS or a login); 1 and 2 mean that the probe itself failed or was used wrongly. A few seconds at most.
"""

import signal
import socket
import sys

ANSWERS, MISUSE, NOTHING, MUTE = 0, 2, 3, 4
LIMIT = 3  # seconds

# MQTT 3.1.1 CONNECT: clean session, keep-alive 5 s, empty client id. The CONNACK may refuse it: that is an answer too.
CONNECT = bytes.fromhex("10 0c 0004 4d515454 04 02 0005 0000")
CONNACK = 0x20


def probe_mqtt(host, port):
    try:
        with socket.create_connection((host, port), LIMIT) as connection:
            try:
                connection.sendall(CONNECT)
                answer = connection.recv(1)
            except OSError:
                return MUTE
            return ANSWERS if answer and answer[0] == CONNACK else MUTE
    except OSError:
        return NOTHING


def takes_connection(address, default_port=9092):
    host, colon, port = address.strip().rpartition(":")
    if not colon:
        host, port = address.strip(), default_port
    try:
        socket.create_connection((host.strip("[]"), int(port)), LIMIT).close()
    except OSError:
        return False
    return True


def probe_kafka(brokers):
    if not any(takes_connection(address) for address in brokers.split(",")):
        return NOTHING
    # Imported late: it takes longer than to find that nothing is there.
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        metadata = AdminClient({"bootstrap.servers": brokers, "log_level": 0}).list_topics(timeout=LIMIT)
    except KafkaException:
        return MUTE
    return ANSWERS if metadata.brokers else MUTE


def main(arguments):
    match arguments:
        case ["mqtt", host, port] if port.isdigit():
            return probe_mqtt(host, int(port))
        case ["kafka", brokers]:
            return probe_kafka(brokers)
    print(__doc__, file=sys.stderr)
    return MISUSE


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
