"""A Mosquitto with all kinds of listeners: with and without TLS, client certificates, passwords."""

import subprocess

from certificates import Authority
from mosquitto import Mosquitto
from ports import free_port

# The hosts of the good certificates.
LOCAL = "DNS:localhost,IP:127.0.0.1,IP:::1"


class Secured:
    """A Mosquitto that listens in every way there is; NAME_port for each. What is published on one arrives on all. Who
    names no user may do everything; the user gateway, whose password is secret-1, may publish below allowed/ only."""

    def __init__(self, folder):
        self.authority = Authority(folder / "authority", "the test's own authority")
        self.stranger = Authority(folder / "stranger", "a stranger's authority")
        self.ca = self.authority.certificate
        self.client = self.authority.issue("client")
        self.foreign_client = self.stranger.issue("foreign")
        self.sealed = self.authority.issue("sealed", passphrase="open sesame")
        server = self.authority.issue("server", LOCAL)
        elsewhere = self.authority.issue("elsewhere", "DNS:broker.example,IP:192.0.2.1")
        expired = self.authority.issue("expired", LOCAL, expired=True)
        passwords = folder / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "gateway", "secret-1"], check=True, capture_output=True)
        self.password_file = folder / "password"
        self.password_file.write_text("secret-1\n")
        access = folder / "access"
        access.write_text("topic readwrite #\nuser gateway\ntopic readwrite allowed/#\ntopic read #\n")
        access.chmod(0o600)
        mutual = ["require_certificate true", f"cafile {self.ca}"]
        # For all listeners: with per_listener_settings Mosquitto 2.0.12 to 2.0.22 drops what is for clients that are away.
        self.settings = ["allow_anonymous true", f"password_file {passwords}", f"acl_file {access}", "log_type all"]
        self.plain_port = self.listen()
        self.tls_port = self.listen(self.identity(server))
        self.tls6_port = self.listen(self.identity(server), "::1")
        self.mutual_port = self.listen([*mutual, *self.identity(server)])
        self.elsewhere_port = self.listen(self.identity(elsewhere))
        self.expired_port = self.listen(self.identity(expired))
        self.broker = Mosquitto(folder / "mosquitto", *self.settings, listen=False)

    @staticmethod
    def identity(files):
        return [f"certfile {files[0]}", f"keyfile {files[1]}"]

    def listen(self, settings=(), host="127.0.0.1"):
        port = free_port(host)
        self.settings += [f"listener {port} {host}", *settings]
        return port
