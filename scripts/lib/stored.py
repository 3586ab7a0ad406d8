"""Counts in a SQLite database of `store`, by SQL and by the messages' offsets in Kafka."""

import sqlite3
import time
import urllib.parse


class Stored:
    """The messages of this run that are in the database, found by their offsets in Kafka."""

    def __init__(self, path):
        self._sql = sqlite3.connect("", uri=True)  # a temporary database
        # The types are those of store's columns: otherwise SQLite cannot look up rows by all three.
        self._sql.execute(
            "CREATE TABLE place (topic TEXT, partition INTEGER, offset INTEGER, PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID")
        self._address = f"file:{urllib.parse.quote(str(path))}?mode=ro"
        self._attached = False
        self.rows, self.different = {}, {}  # by topic

    def expect(self, messages):
        self._sql.executemany("INSERT INTO place VALUES (?, ?, ?)", ((m.topic(), m.partition(), m.offset()) for m in messages))

    def wait(self, patience):
        """Waits until store has saved positions behind all messages, or its positions do not move for so many seconds."""
        last, since = None, time.monotonic()
        while time.monotonic() - since < patience:
            try:
                stored, missing = self._positions()
            except sqlite3.OperationalError:  # the database does not exist yet, or is locked for a moment
                stored, missing = None, True
            if not missing:
                return
            if stored != last:
                last, since = stored, time.monotonic()
            time.sleep(0.1)

    def _positions(self):
        """The sum of all positions, and the number of partitions in which messages are missing."""
        if not self._attached:
            self._sql.commit()
            self._sql.execute("ATTACH ? AS store", (self._address,))
            self._attached = True
        return self._sql.execute(
            "SELECT sum(next), count(*) FILTER (WHERE next IS NULL OR next <= last)"
            " FROM (SELECT topic, partition, max(offset) AS last FROM place GROUP BY 1, 2)"
            " LEFT JOIN store.position USING (topic, partition)").fetchone()

    def count(self):
        """Counts the rows of each topic and the different messages in them; returns the number of rejected messages."""
        self._positions()
        # No index has the offsets, so each row is looked up among the places, not the other way round.
        found = self._sql.execute(
            "SELECT topic, count(*), count(DISTINCT partition || ' ' || offset), sum(rejected) FROM ("
            " SELECT topic, kafka_partition AS partition, kafka_offset AS offset, 0 AS rejected FROM store.reading"
            " UNION ALL SELECT topic, kafka_partition, kafka_offset, 0 FROM store.message"
            " UNION ALL SELECT topic, kafka_partition, kafka_offset, 1 FROM store.reject)"
            " CROSS JOIN place USING (topic, partition, offset) GROUP BY 1").fetchall()
        self.rows = {topic: rows for topic, rows, _, _ in found}
        self.different = {topic: different for topic, _, different, _ in found}
        return sum(rejected for *_, rejected in found)
