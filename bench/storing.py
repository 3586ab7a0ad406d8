"""The measurements of store: to each database, beside what that database, and librdkafka, can do at all, and beside Telegraf where it is
installed. As those of measurements.py."""

import json
import shutil
import sqlite3
import subprocess
import time

from postgres import Postgres
from programs import BIN
from stores import PostgreSQL, SQLite, count as rows_of

BATCH = 5000  # store's default, for the loop of inserts


def _rate(result):
    return result["messages"] / result["seconds"]


def _schema(address):
    return subprocess.run([BIN / "store", "--print-schema", "-d", address], capture_output=True, text=True, check=True).stdout


class _SQLite(SQLite):
    """A new file in that folder, with store's tables."""

    def __init__(self, folder):
        super().__init__(folder)
        for path in folder.glob("readings.db*"):
            path.unlink()
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_schema(self.address) + "INSERT INTO schema_version VALUES (1), (2);")
        connection.close()
        self.watched = self.path

    def limit(self, stage, topic, count):
        return "prepared inserts", _rate(stage.run("bench-sqlite-limit", self.watched, topic, count, BATCH))


class _PostgreSQL(PostgreSQL):
    """The same for a database of PostgreSQL."""

    def __init__(self, server):
        super().__init__(server)
        server.sql(_schema(self.address) + "INSERT INTO schema_version VALUES (1), (2);")
        self.watched = self.address

    def limit(self, stage, topic, count):
        return "bare COPY", _rate(stage.run("bench-copy-limit", self.watched, topic, count, count))


def _databases(stage, server):
    return {"SQLite": lambda: _SQLite(stage.folder), "PostgreSQL": lambda: _PostgreSQL(server)}


def _postgres(stage):
    return Postgres(stage.folder / "postgres")


def _start_store(stage, database, topic):
    store = stage.start("store", "-b", stage.kafka, "-t", topic, "-G", f"g-{topic}", "-d", database.address)
    store.wait_for("partitions assigned")
    return store


def _catch_up(stage, database, topic, count):
    """Stores a topic that is there; [messages, seconds] of the first and of each tenth, the cost and the peak memory."""
    progress = stage.start("bench-store-progress", database.watched, topic, count)
    store = _start_store(stage, database, topic)
    progress.wait()
    memory, cost = store.peak_memory(), store.stop()
    found = rows_of(database)
    assert found == count, f"{found} rows of {count} messages"
    return json.loads(progress.output), cost, memory


def _between(one, other):
    return (other[0] - one[0]) / (other[1] - one[1])


def _loaded(stage, count):
    topic = stage.new_topic(kafka=True)
    stage.run("bench-reading-load", stage.kafka, topic, count)
    return topic


TELEGRAF = """
[agent]
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 100000
  omit_hostname = true
[[inputs.kafka_consumer]]
  brokers = ["{kafka}"]
  topics = ["{topic}"]
  topic_tag = "topic"
  consumer_group = "telegraf-{topic}"
  kafka_version = "3.6.0"
  offset = "oldest"
  max_undelivered_messages = 50000
  data_format = "json_v2"
  [[inputs.kafka_consumer.json_v2]]
    measurement_name = "telegraf"
    timestamp_path = "time"
    timestamp_format = "2006-01-02T15:04:05"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = "node"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = "unit"
    [[inputs.kafka_consumer.json_v2.field]]
      path = "value"
      type = "float"
    [[inputs.kafka_consumer.json_v2.field]]
      path = "occupancy"
      type = "int"
    [[inputs.kafka_consumer.json_v2.field]]
      path = "seq"
      type = "int"
[[outputs.postgresql]]
  connection = "{database}"
  create_templates = ["CREATE TABLE {{{{.table}}}} ({{{{.columns}}}})", "CREATE INDEX ON {{{{.table}}}} (topic, node, time)"]
"""


def _run_telegraf(stage, server, topic, count):
    """Rows a second and CPU seconds of Telegraf, into a table of its own with the same index, as large batches as store's."""
    path, marks = stage.folder / "telegraf.conf", []
    path.write_text(TELEGRAF.format(kafka=stage.kafka, topic=topic, database=server.url()))
    telegraf = stage.start("telegraf", "--quiet", "--config", path)
    while not marks or marks[-1][0] < count:
        assert telegraf.is_running(), telegraf.errors[-2000:]
        rows = server.sql("SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'telegraf'")
        if rows and int(rows[0][0]) > 0:
            marks.append((int(rows[0][0]), time.monotonic()))
        time.sleep(0.2)
    cpu = telegraf.cpu_now()
    telegraf.end()
    server.sql("DROP TABLE telegraf")
    return _between(marks[0], marks[-1]), cpu


def store(stage, settings):
    """A topic that is there, to each database; beside the database's limit and a consumer that drops, and beside Telegraf."""
    figures, count = {}, 5 * settings.messages
    topic = _loaded(stage, count)
    dropped = _rate(stage.run("bench-consume-limit", stage.kafka, topic, count))
    figures["store: consumer that drops, msg/s"] = dropped
    with _postgres(stage) as server:
        for name, new in _databases(stage, server).items():
            what, limit = new().limit(stage, topic, count)
            marks, cost, memory = _catch_up(stage, new(), topic, count)
            rate = _between(marks[0], marks[-1])
            figures |= {
                f"store, {name}: {what}, rows/s": limit,
                f"store, {name}: store, rows/s": rate,
                f"store, {name}: ratio to the slower limit": rate / min(limit, dropped),
                f"store, {name}: CPU us a row": cost.cpu / count * 1e6,
                f"store, {name}: peak MB": memory / 1e6,
            }
        if shutil.which("telegraf"):
            theirs, cpu = _run_telegraf(stage, server, topic, count)
            figures |= {
                "store, PostgreSQL: Telegraf, rows/s": theirs,
                "store, PostgreSQL: ratio to Telegraf": figures["store, PostgreSQL: store, rows/s"] / theirs,
                "store, PostgreSQL: Telegraf, CPU us a row": cpu / count * 1e6,
            }
    stage.delete_topic(topic)
    return figures


def store_backlog(stage, settings):
    """Whether the rate stays the same with a large backlog, and the memory."""
    figures, count = {}, settings.backlog_messages
    topic = _loaded(stage, count)
    with _postgres(stage) as server:
        for name, new in _databases(stage, server).items():
            marks, cost, memory = _catch_up(stage, new(), topic, count)
            figures |= {f"store backlog, {name}: rows/s": _between(marks[0], marks[-1])}
            for tenth in range(1, len(marks)):
                figures[f"store backlog, {name}: tenth {tenth}, rows/s"] = _between(marks[tenth - 1], marks[tenth])
            figures |= {
                f"store backlog, {name}: CPU us a row": cost.cpu / count * 1e6,
                f"store backlog, {name}: peak MB": memory / 1e6,
            }
    stage.delete_topic(topic)
    return figures


def store_latency(stage, settings):
    """From the producer to a committed row."""
    figures = {}
    with _postgres(stage) as server:
        for name, new in _databases(stage, server).items():
            topic, database = stage.new_topic(kafka=True), new()
            running = _start_store(stage, database, topic)
            result = stage.run("bench-store-latency", database.watched, stage.kafka, topic, 400, 20)
            running.stop()
            stage.delete_topic(topic)
            figures |= {f"store latency, {name}, 20 msg/s: {part}, ms": result[part] for part in ("p50", "p99", "max")}
    return figures
