"""store, and what is in its databases, read without our code."""

import sqlite3

import scrape
from waiting import wait_until


class SQLite:
    """The database of a SQLite file, read by Python's own module."""

    name = "sqlite"

    def __init__(self, folder):
        self.path = folder / "readings.db"

    @property
    def address(self):
        return f"sqlite:{self.path}"

    def rows(self, query):
        if not self.path.exists():
            return []
        try:
            connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
            try:
                return connection.execute(query).fetchall()
            finally:
                connection.close()
        except sqlite3.OperationalError:  # before the tables are there
            return []


class PostgreSQL:
    """The database of a private PostgreSQL, read by psql."""

    name = "postgresql"

    def __init__(self, server):
        self.server = server
        server.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC")

    @property
    def address(self):
        return self.server.url()

    def rows(self, query):
        try:
            return [tuple(row) for row in self.server.sql(query)]
        except AssertionError:
            return []


def count(database, table="reading", condition=""):
    rows = database.rows(f"SELECT count(*) FROM {table} {condition}")
    return int(rows[0][0]) if rows else 0


def offsets(database, table="reading"):
    """How often each (topic, partition, offset) is there."""
    rows = database.rows(f"SELECT topic, kafka_partition, kafka_offset, count(*) FROM {table} GROUP BY 1, 2, 3")
    return {(topic, int(partition), int(offset)): int(times) for topic, partition, offset, times in rows}


def check_once(database, topic, expected, tables=("reading",)):
    """Every message of the topic is there once: expected is {partition: number of messages}."""
    found = {}
    for table in tables:
        for key, times in offsets(database, table).items():
            found[key] = found.get(key, 0) + times
    wanted = {(topic, partition, offset) for partition, number in expected.items() for offset in range(number)}
    assert {key for key, times in found.items() if times > 1} == set(), "doubled"
    assert wanted - found.keys() == set(), "lost"
    assert {key for key in found if key[0] == topic} - wanted == set(), "never sent"


QUICK = ("-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=500")


def start_store(programs, database, topic, *arguments, **options):
    return programs.start("store", "-t", topic, "-d", database.address, "-G", f"g-{topic}", "--http", "0", *QUICK, *arguments, **options)


def metrics(store):
    return scrape.scrape(scrape.address_of(store), "store")


def status(store):
    return scrape.status(scrape.address_of(store))


def wait_for_rows(database, number, limit=60, table="reading"):
    wait_until(lambda: count(database, table) >= number, limit, lambda: f"{number} rows in {table}, not {count(database, table)}")
