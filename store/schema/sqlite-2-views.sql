-- The last reading of each series: a jump from series to series through the index, however many rows there are.
CREATE VIEW latest AS
WITH RECURSIVE series (topic, key) AS (
    SELECT * FROM (SELECT topic, key FROM reading ORDER BY topic, key LIMIT 1)
    UNION ALL
    SELECT (SELECT topic FROM reading WHERE (topic, key) > (s.topic, s.key) ORDER BY topic, key LIMIT 1),
           (SELECT key FROM reading WHERE (topic, key) > (s.topic, s.key) ORDER BY topic, key LIMIT 1)
    FROM series AS s
    WHERE s.topic IS NOT NULL
)
SELECT r.*
FROM series AS s
JOIN reading AS r ON r.rowid = (
    SELECT rowid FROM reading
    WHERE topic = s.topic AND key = s.key
    ORDER BY time DESC, rowid DESC LIMIT 1);

-- One row a moment with all sensors of the room side by side. A condition on time uses the index.
CREATE VIEW room AS
SELECT
    time,
@ROOM_COLUMNS@
    max(occupancy) AS occupancy
FROM reading
WHERE topic IN (@ROOM_TOPICS@) AND key IN (@ROOM_KEYS@)
GROUP BY time;
