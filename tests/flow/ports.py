"""Ports that nobody listens on. They lie below those that the system gives to outgoing connections, which could otherwise take
one before its server does."""

import random
import socket


def free_ports(count, host="127.0.0.1"):
    """So many free ports, all different."""
    found = []
    for port in random.SystemRandom().sample(range(20000, 30000), 1000):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"no {count} free ports on {host}")


def free_port(host="127.0.0.1"):
    return free_ports(1, host)[0]
