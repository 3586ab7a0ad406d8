"""The commands that README.md, the other documents and the manual pages show, in blocks and in sentences, as they stand there: each does
its work on private brokers that messages of `temp` flow through, after those before it. Where root runs the test, they run as a user without
rights: what works so works for root too. What cannot be run is listed, with the reason."""

import gzip
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
from bridges import Bridge
from programs import BIN, ROOT, SENSORS, Program, Programs
from scrape import address_of, scrape
from waiting import wait_until

DOCUMENTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# The pages of the sensors' programs have the same examples.
PAGES = [page for page in sorted((BIN.parent / "man").glob("*.scd"))
         if not page.name.removesuffix(".1.scd").endswith(tuple(f"-{sensor.replace('_', '-')}" for sensor in SENSORS))]

NEEDS_A_SYSTEM = "needs root and systemd; tests/install and flow.notify test the package and the service"
NOT_RUN = {
    r"gcloud .*": "logs in to a hosted service",
    r"scripts/run\.sh --demo.*": "flow.demo runs it, which takes a minute, and flow.run the rest",
    r"scripts/run\.sh --no-store": "flow.run runs it",
    r"sqlite3 .*var/readings\.db .*": "needs what the demo has stored; flow.demo runs it",
    r"scripts/test\.sh.*": "it is what runs this test",
    r"(cmake|cmake --build|ctest) --preset tsan.*": "builds and tests everything once more",
    r"cmake -B build .*": "builds everything once more; install.package does so too, and `cmake --install build` runs by itself",
    r"scripts/torture\.sh .*--(seed|messages) .*": "takes from minutes to an hour; torture.short is a short run",
    r"bridge-temp --forget": "flow.forget runs it",
    r"(runuser -u roomstream -- )?(build/bin/|roomstream-)?dead-letters .*": "needs dead letters; spool.dead_letters runs it on some",
    r"man roomstream-estimate": "needs an installation and man; install.installed looks for the pages",
    r"sqlite3 readings\.db .*": "needs what store has written; flow.store reads it",
    r"(roomstream-)?store .*": "goes on until it is interrupted, some on databases that are not here; flow.store runs it",
    r"scripts/bench\.sh .+": "takes minutes, and would disturb the tests beside it",
    r"scripts/fetch-data\.sh": "downloads from UCI; cli.data runs it on a server of its own",
    r"apt-get (install|remove|purge) .*": NEEDS_A_SYSTEM,
    r"editor /etc/roomstream/roomstream\.conf": "waits for a person",
    r"systemctl .*|systemd-analyze .*": NEEDS_A_SYSTEM,
    r"journalctl .*": NEEDS_A_SYSTEM,
    r"roomstream-kafka-produce -t temp (-l )?(picture|readings)\..*": "a person's own file; flow.kafka_produce_files sends some",
    r"watch .*|zcat .*": "a person's own file, and a screen; flow.publish pipes a packed file",
    r"kill -9": "says what was done to a broker; it needs its process id",
    r"mosquitto_pub -l": "needs its input; flow.matrix sends what the sentence tells of",
    r"scripts/train\.py.*": "takes a while on the real data set; cli.train runs it",
    r".*estimate --model .*": "needs a model of one's own; flow.estimate gives one",
    r".*kafka-consume -t occupancy": "waits for estimates of all six topics; flow.estimate makes some",
    r"docker .*": "needs Docker; install.compose checks the files",
}

# Programs that run until they are interrupted, unless an option ends them; what they show once they work.
ENDLESS = [
    (r"^scripts/run\.sh$", r"^$", "the bridges run; Ctrl-C ends them"),
    (r"publish\b", r"--fast\b", "connected to the MQTT broker"),
    (r"(^|[/-])bridge(-temp)?\b", r"--print-routes\b", "subscribed to"),
    (r"\bsubscribe\b", r" (-C|-E)\b", "subscribed to"),
    (r"\bkafka-consume\b", r" (-c|-e|-L)\b", 'partitions assigned: [1-9]|"sensor":"temp"'),
    (r"\bdashboard\b", r"^$", "the page is at"),
    (r"\bstatus\b.* --every\b", r"^$", "delivered/s"),
    (r"\bdownlink\b", r"^$", "connected to the MQTT broker"),
    (r"\bestimate\b", r"^$", "the model is trained by"),
    (r"^prometheus\b", r"--version\b", "Server is ready to receive web requests"),
]

# What a command names, and what takes its place here.
PRIVATE = {"mqtt.example.org": "127.0.0.1", "kafka.example.org:9092": "{kafka}", "gateway.example:9751": "{bridge}", "127.0.0.1:9751": "{bridge}",
           "/tmp/bridges": "bridges", "/var/lib/roomstream/temp": ".local/state/roomstream/bridge-temp",
           "--web.listen-address=127.0.0.1:9190": "--web.listen-address=127.0.0.1:0"}

# Commands that run as the user of the test: they write to folders of the system, or of the user who built.
AS_WHO_WE_ARE = r"cmake --install build|cp -a /var/lib/roomstream/.*"

# How root becomes the user nobody.
WITHOUT_RIGHTS = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"] if os.geteuid() == 0 else []

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def commands_of(path):
    """The commands in blocks, then those in sentences."""
    text = path.read_text()
    yield from commands_in_blocks(text, path.suffix)
    yield from commands_in_sentences(text, path.suffix)


def commands_in_blocks(text, kind):
    """Lines of sh, lines behind a prompt, and commands of a crontab; without comments."""
    for language, block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            prompt = re.match(r"\$ |\*/5 \* \* \* \* ", line)
            if language == "sh" or prompt:
                line = re.sub(r"  +# .*", "", line[prompt.end() if prompt else 0:]).strip()
                yield re.sub(r"\\(.)", r"\1", line) if kind == ".scd" else line


def commands_in_sentences(text, kind):
    """Code, in manual pages what is bold, that is a program with an argument at least: a program alone is its name."""
    for span in re.findall(r"\*([^*]+)\*" if kind == ".scd" else r"`([^`]+)`", BLOCK.sub("", text)):
        program, *arguments = span.split()
        command = " ".join([program, *arguments])
        if arguments and (is_listed(command) or is_program(program)):
            yield command


def is_listed(command):
    """Whether it is listed as not run: its program need not be on this machine."""
    return any(re.fullmatch(pattern, command) for pattern in NOT_RUN)


def is_program(word):
    ours = BIN / re.sub(r"^(build/bin/|roomstream-)", "", word)
    return any(shutil.which(each) for each in (ours, ROOT / word, word))


ALL = [pytest.param(command, id=f"{path.stem}-{number}")
       for path in (*DOCUMENTS, *PAGES) for number, command in enumerate(commands_of(path), 1)]
COMMANDS = [each for each in ALL if not is_listed(each.values[0])]


class Place:
    """A checkout as a user without rights has it, built, the programs in PATH too, under their own names and as if installed."""

    def __init__(self, folder, brokers):
        self.folder, self.brokers = folder, brokers
        self.env = {**brokers.env, "HOME": str(folder), "PATH": f"{folder / 'installed'}:{BIN}:{os.environ['PATH']}", "XDG_STATE_HOME": "",
                    "ROOMSTREAM_LOG_LEVEL": "info", "ROOMSTREAM_BIN": str(BIN), "DESTDIR": str(folder / "root")}
        (folder / "build").symlink_to(BIN.parent)
        for name in ("config", "lib", "scripts", "docker-compose.yml"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "installed").mkdir()
        for program in BIN.iterdir():
            (folder / "installed" / f"roomstream-{program.name}").symlink_to(program)
        self.write_data()
        self.give_away()

    def give_away(self):
        """Gives the folder to the user who runs the commands."""
        if WITHOUT_RIGHTS:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, 65534, 65534, follow_symlinks=False)
        for path in (self.folder, BIN, ROOT / "config"):
            subprocess.run([*WITHOUT_RIGHTS, "ls", path], check=True, stdout=subprocess.DEVNULL, timeout=30)

    def write_data(self):
        heading, *rows = (ROOT / "data/occupancy-sample.csv").read_text().splitlines()
        rows = [re.sub(r"^[^,]*,[^,]*", f"2017/12/23,08:{number // 2:02}:{number % 2 * 30:02}", row) for number, row in enumerate(rows[:100])]
        (self.folder / "data").mkdir()
        shutil.copy(ROOT / "data/make-sample.py", self.folder / "data")  # writes beside itself
        for name in ("data/occupancy.csv", "readings.csv"):
            (self.folder / name).write_text("\n".join([heading, *rows]) + "\n")
        with gzip.open(self.folder / "meter.csv.gz", "wt") as file:
            file.write("When,Power\n24.12.2017 08:00,230.5\n24.12.2017 08:01,231\n")
        (self.folder / "meter.csv").write_text("Zeit;Leistung\n2017-12-24 08:00;230,5\n2017-12-24 08:01;231\n")
        (self.folder / "client.properties").write_text(f"bootstrap.servers={self.brokers.kafka.address}\n")

    def run(self, command, bridge):
        rights = [] if re.fullmatch(AS_WHO_WE_ARE, command) else WITHOUT_RIGHTS
        for name, address in PRIVATE.items():
            command = command.replace(name, address.format(kafka=self.brokers.kafka.address, bridge=bridge))
        script = f"cd '{self.folder}' && set -o pipefail && {command.removesuffix('&')}"
        return Program([*rights, "bash", "-c", script], self.folder / "output", {**self.env, "ROOMSTREAM_STATUS": bridge}, "command")


@pytest.fixture(scope="module")
def place(brokers):
    """The checkout. It is not below pytest's folder, which only its user may read."""
    with tempfile.TemporaryDirectory(prefix="roomstream-commands-") as folder:
        yield Place(pathlib.Path(folder), brokers)


@pytest.fixture(scope="module")
def flowing(brokers, tmp_path_factory):
    """Messages flow; yields the HTTP address of the bridge. Few go to Kafka, so that kafka-consume -e reaches an end."""
    folder = tmp_path_factory.mktemp("flowing")
    programs = Programs(folder / "programs", brokers.env)
    try:
        bridge = Bridge(programs, folder, "--http", "0", "--kafka-topic", "temp", topic="sensors/temp").start()
        for topic, rate in (("temp", 50), ("sensors/temp", 1)):
            programs.start("publish-temp", "-t", topic, "--file", ROOT / "data/occupancy-sample.csv", "--rate", rate, "--loop", "0")
        address = address_of(bridge)
        wait_until(lambda: scrape(address)["messages_delivered_total"] > 0, 30, "the first message is in Kafka")
        yield address
    finally:
        programs.end_all()


def shows_first(command):
    """What an endless command shows first; None for one that ends."""
    return next((shows for program, ends, shows in ENDLESS if re.search(program, command) and not re.search(ends, command)), None)


@pytest.mark.parametrize("command", COMMANDS)
def test_runs(place, flowing, command):
    shows = shows_first(command)
    program = place.run(command, flowing)
    try:
        if not shows:
            assert program.wait(60) == 0, (command, program.stderr)
            return
        wait_until(lambda: re.search(shows, program.stderr + program.stdout.decode()) or not program.is_running(), 30,
                   lambda: (command, program.stderr))
        assert program.is_running(), (command, program.stderr)
        os.killpg(program.pid, signal.SIGINT)
        assert program.wait(30) in (0, 130, -signal.SIGINT), (command, program.stderr)
    finally:
        if program.is_running():
            os.killpg(program.pid, signal.SIGKILL)  # the shell would leave its children running
        program.kill()


def test_what_is_listed_is_shown_somewhere():
    for pattern in NOT_RUN:
        assert any(re.fullmatch(pattern, each.values[0]) for each in ALL), pattern
    assert all(any(name in each.values[0] for each in COMMANDS) for name in PRIVATE)


def test_something_is_found():
    commands = [each.values[0] for each in ALL]
    assert {"build/bin/publish-temp --fast --limit 4", "scripts/run.sh --demo", "build/bin/kafka-consume -t temp -G archive >> archive",
            "scripts/run.sh --brokers", "roomstream-status -a 127.0.0.1:9751", "systemctl enable --now roomstream-bridge@"} <= set(commands)
    assert len(COMMANDS) > 40
