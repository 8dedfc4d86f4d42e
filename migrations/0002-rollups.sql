-- Counts, sums and extremes per device, channel and minute or hour, kept up to date from the entries they have not seen:
-- a late reading changes its old bucket. `last` is the value of the latest (time, leaf index).
CREATE TABLE rollup_1m (
  device_no int NOT NULL,
  channel_no int NOT NULL,
  bucket timestamptz NOT NULL,
  last_time timestamptz NOT NULL,
  count bigint NOT NULL,
  sum numeric NOT NULL,
  min numeric NOT NULL,
  max numeric NOT NULL,
  last numeric NOT NULL,
  PRIMARY KEY (device_no, channel_no, bucket)
);
CREATE TABLE rollup_1h (LIKE rollup_1m INCLUDING ALL);
-- Retention looks for the oldest buckets of all devices.
CREATE INDEX rollup_1m_bucket ON rollup_1m USING brin (bucket);
CREATE INDEX rollup_1h_bucket ON rollup_1h USING brin (bucket);

CREATE VIEW readings_1m AS
SELECT r.bucket AS time, d.id AS device_id, c.sensor, c.unit, r.count, r.sum, r.sum / r.count AS avg, r.min, r.max, r.last
FROM rollup_1m r JOIN devices d USING (device_no) JOIN channels c USING (channel_no);

CREATE VIEW readings_1h AS
SELECT r.bucket AS time, d.id AS device_id, c.sensor, c.unit, r.count, r.sum, r.sum / r.count AS avg, r.min, r.max, r.last
FROM rollup_1h r JOIN devices d USING (device_no) JOIN channels c USING (channel_no);
