"""One Kafka broker with TLS, logins and access control, with a listener for each kind."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

from certificates import Authority
from kafka_nodes import HOST, Node, await_brokers, java
from ports import free_ports

USERS = {"bridge": "bridge-secret", "stranger": "stranger-secret"}
# Listener: security protocol, certificate
LISTENERS = {
    "LOGIN": ("SASL_SSL", "good"), "MUTUAL": ("SSL", "good"), "EXPIRED": ("SSL", "expired"), "ELSEWHERE": ("SSL", "elsewhere"),
}


class SecureKafka:
    """.admin is an address without any of that, for the tests' own clients. kafka: whose jars (kafka_nodes.java). Use it in a with
    block."""

    def __init__(self, folder, kafka="kafka"):
        self.authority = Authority(folder / "ca", "roomstream test")
        self.stranger = Authority(folder / "other-ca", "somebody else")
        self.ca = self.authority.certificate
        self.client = self.authority.issue("bridge")
        certificates = {
            "good": self.authority.issue("good", f"DNS:localhost,IP:{HOST}"),
            "expired": self.authority.issue("expired", f"DNS:localhost,IP:{HOST}", expired=True),
            "elsewhere": self.authority.issue("elsewhere", "DNS:elsewhere.example"),
        }
        client, controller, *ports = free_ports(2 + len(LISTENERS))
        self.ports = dict(zip(LISTENERS, ports))
        self.admin = f"{HOST}:{client}"
        addresses = [f"CLIENT://{HOST}:{client}", *(f"{name}://{HOST}:{port}" for name, port in self.ports.items())]
        protocols = [f"{name}:{protocol}" for name, (protocol, _) in LISTENERS.items()]
        properties = {
            "listeners": ",".join([*addresses, f"CONTROLLER://{HOST}:{controller}"]), "advertised.listeners": ",".join(addresses),
            "listener.security.protocol.map": ",".join(["CLIENT:PLAINTEXT", "CONTROLLER:PLAINTEXT", *protocols]),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.login.plain.sasl.jaas.config": _jaas("plain.Plain", {f"user_{user}": secret for user, secret in USERS.items()}),
            "listener.name.login.scram-sha-512.sasl.jaas.config": _jaas("scram.Scram", {}),
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/",
        }
        for name, (_, certificate) in LISTENERS.items():
            prefix = f"listener.name.{name.lower()}."
            properties |= {
                prefix + "ssl.keystore.type": "PEM", prefix + "ssl.keystore.location": _store(*certificates[certificate]),
                prefix + "ssl.truststore.type": "PEM", prefix + "ssl.truststore.location": self.ca,
            }
        self.node = Node(folder / "node", 1, properties, {1: controller}, kafka)

    def __enter__(self):
        self.node.start()
        await_brokers(self.admin, 1)
        return self

    def __exit__(self, *_):
        self.node.kill()

    def address(self, listener):
        return f"localhost:{self.ports[listener]}"

    @contextmanager
    def other_passwords(self):
        """In a with block, no password for PLAIN is valid. The broker is restarted before and after it."""
        file = self.node.folder / "server.properties"
        right = file.read_text()
        self._restart(right.replace('user_bridge="', 'user_bridge="not '))
        try:
            yield
        finally:
            self._restart(right)

    def _restart(self, properties):
        self.node.kill()
        (self.node.folder / "server.properties").write_text(properties)
        self.node.start()
        await_brokers(self.admin, 1)

    def grant(self, user, *rights):
        """The password for SCRAM too. rights: TYPE:NAME:OPERATION each."""
        command = java(Path(__file__).parent.resolve() / "java" / "Grant.java", self.admin, user, USERS[user], *rights)
        # It logs to a file in its working directory.
        subprocess.run(command, check=True, timeout=60, cwd=self.node.folder)


def _store(certificate, key):
    """Writes both into one file, as Kafka expects them."""
    store = certificate.with_suffix(".store.pem")
    store.write_text(key.read_text() + certificate.read_text())
    return store


def _jaas(module, options):
    words = "".join(f' {name}="{value}"' for name, value in options.items())
    return f"org.apache.kafka.common.security.{module}LoginModule required{words};"
