CREATE TABLE schema_version (
    version integer NOT NULL
);

-- One row a reading. A pack of readings in one message makes several rows of the same offset.
CREATE TABLE reading (
    topic           text        NOT NULL,
    key             text        NOT NULL, -- '' where Kafka has none
    time            timestamptz NOT NULL, -- when it was measured
    value           double precision,
    text            text,                 -- of values that are not numbers; value is null then
    unit            text,
    occupancy       bigint,
    seq             bigint,
    kafka_partition integer     NOT NULL,
    kafka_offset    bigint      NOT NULL
);
CREATE INDEX reading_series ON reading (topic, key, time);

-- How far each partition is read; written in the same transaction as the rows.
CREATE TABLE position (
    topic     text    NOT NULL,
    partition integer NOT NULL,
    next      bigint  NOT NULL,           -- the next offset to read; -1: none yet
    mark      bigint  NOT NULL DEFAULT 0, -- a hash of the message before it
    changed   timestamptz,
    PRIMARY KEY (topic, partition)
);

-- Messages that are not readings.
CREATE TABLE reject (
    topic           text    NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset    bigint  NOT NULL,
    kafka_time      timestamptz,
    reason          text    NOT NULL,
    key             bytea,
    payload         bytea
);

-- What --raw stores: messages as they are.
CREATE TABLE message (
    topic           text    NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset    bigint  NOT NULL,
    kafka_time      timestamptz,
    key             bytea,
    headers         jsonb   NOT NULL, -- [{"name": ..., "value": ...}], value_base64 for what is not text
    payload         bytea
);
