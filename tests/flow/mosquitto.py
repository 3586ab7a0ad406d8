"""A Mosquitto with settings of its own, for what the private one of scripts/brokers.sh does not do."""

from ports import free_port
from programs import Program


class Mosquitto:
    """A Mosquitto that accepts everybody on .port; with listen=False the settings name the listeners. Use it in a with block."""

    def __init__(self, folder, *settings, listen=True):
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.starts = 0
        anybody = [f"listener {self.port} 127.0.0.1", "allow_anonymous true"] if listen else []
        # It runs as whoever starts it.
        (folder / "mosquitto.conf").write_text("\n".join(["user root", *anybody, *settings, ""]))
        self.start()

    def start(self):
        self.starts += 1
        self.program = Program(["mosquitto", "-c", self.folder / "mosquitto.conf"], self.folder, name=f"mosquitto-{self.starts}")
        self.program.wait_for_log("running")

    def restart(self):
        """Stops it by SIGTERM and starts it. It forgets everything, unless its settings say otherwise."""
        assert self.program.stop() == 0
        self.start()

    @property
    def log(self):
        """Its log since the last start."""
        return self.program.stderr

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.kill()
