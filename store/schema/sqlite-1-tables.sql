CREATE TABLE schema_version (
    version INTEGER NOT NULL
);

-- One row a reading. A pack of readings in one message makes several rows of the same offset.
CREATE TABLE reading (
    topic           TEXT    NOT NULL,
    key             TEXT    NOT NULL, -- '' where Kafka has none
    time            TEXT    NOT NULL, -- when it was measured, in UTC: 2017-12-22 10:49:41[.ffffff]
    value           REAL,
    text            TEXT,             -- of values that are not numbers; value is NULL then
    unit            TEXT,
    occupancy       INTEGER,
    seq             INTEGER,
    kafka_partition INTEGER NOT NULL,
    kafka_offset    INTEGER NOT NULL
);
CREATE INDEX reading_series ON reading (topic, key, time);

-- How far each partition is read; written in the same transaction as the rows.
CREATE TABLE position (
    topic     TEXT    NOT NULL,
    partition INTEGER NOT NULL,
    next      INTEGER NOT NULL,           -- the next offset to read; -1: none yet
    mark      INTEGER NOT NULL DEFAULT 0, -- a hash of the message before it
    changed   TEXT,                       -- when, in UTC
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- Messages that are not readings.
CREATE TABLE reject (
    topic           TEXT    NOT NULL,
    kafka_partition INTEGER NOT NULL,
    kafka_offset    INTEGER NOT NULL,
    kafka_time      TEXT,
    reason          TEXT    NOT NULL,
    key             BLOB,
    payload         BLOB
);

-- What --raw stores: messages as they are.
CREATE TABLE message (
    topic           TEXT    NOT NULL,
    kafka_partition INTEGER NOT NULL,
    kafka_offset    INTEGER NOT NULL,
    kafka_time      TEXT,
    key             BLOB,
    headers         TEXT    NOT NULL, -- JSON: [{"name": ..., "value": ...}], value_base64 for what is not text
    payload         BLOB
);
