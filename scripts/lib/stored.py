"""Counts in a SQLite database of `store`, by SQL and by the places that messages have in Kafka."""

import sqlite3
import time
import urllib.parse


class Stored:
    """What of this run is in the database, by the places that its messages have in Kafka."""

    def __init__(self, path):
        self._sql = sqlite3.connect("", uri=True)  # a file of its own, which nobody else sees
        # Typed as the columns of store: else SQLite cannot look rows up by all three.
        self._sql.execute(
            "CREATE TABLE place (topic TEXT, partition INTEGER, offset INTEGER, PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID")
        self._address = f"file:{urllib.parse.quote(str(path))}?mode=ro"
        self._attached = False
        self.rows, self.different = {}, {}  # by topic

    def expect(self, messages):
        self._sql.executemany("INSERT INTO place VALUES (?, ?, ?)", ((m.topic(), m.partition(), m.offset()) for m in messages))

    def wait(self, patience):
        """Until the positions that store has saved are behind all messages, or stand still for so many seconds."""
        last, since = None, time.monotonic()
        while time.monotonic() - since < patience:
            try:
                stored, missing = self._positions()
            except sqlite3.OperationalError:  # it is not there yet, or locked for a moment
                stored, missing = None, True
            if not missing:
                return
            if stored != last:
                last, since = stored, time.monotonic()
            time.sleep(0.1)

    def _positions(self):
        """The sum of all, and in how many partitions messages are missing."""
        if not self._attached:
            self._sql.commit()
            self._sql.execute("ATTACH ? AS store", (self._address,))
            self._attached = True
        return self._sql.execute(
            "SELECT sum(next), count(*) FILTER (WHERE next IS NULL OR next <= last)"
            " FROM (SELECT topic, partition, max(offset) AS last FROM place GROUP BY 1, 2)"
            " LEFT JOIN store.position USING (topic, partition)").fetchone()

    def count(self):
        """The rows of each topic, how many different messages they are of, and in all how many are rejected ones."""
        self._positions()
        # No index has the offsets: each row is looked up among the places, not the other way round.
        found = self._sql.execute(
            "SELECT topic, count(*), count(DISTINCT partition || ' ' || offset), sum(rejected) FROM ("
            " SELECT topic, kafka_partition AS partition, kafka_offset AS offset, 0 AS rejected FROM store.reading"
            " UNION ALL SELECT topic, kafka_partition, kafka_offset, 0 FROM store.message"
            " UNION ALL SELECT topic, kafka_partition, kafka_offset, 1 FROM store.reject)"
            " CROSS JOIN place USING (topic, partition, offset) GROUP BY 1").fetchall()
        self.rows = {topic: rows for topic, rows, _, _ in found}
        self.different = {topic: different for topic, _, different, _ in found}
        return sum(rejected for *_, rejected in found)
