-- The copy of the ledger. Everything here can be filled again from the journal.

-- Whose ledger this is: its leaf indexes are the primary key below, so a second one has no place here.
CREATE TABLE ledger (origin text NOT NULL);
CREATE UNIQUE INDEX ledger_is_one ON ledger ((true));

-- How far each tailer has come: the first leaf index it has not handled. Changed in the transaction of what it handled.
CREATE TABLE tailer_cursors (
  name text PRIMARY KEY,
  leaf_index bigint NOT NULL
);
INSERT INTO tailer_cursors VALUES ('entries', 0), ('rollups', 0);

-- Numbers stand in for the texts that every entry would repeat. The tailer hands them out while it holds its cursor.
CREATE TABLE devices (
  device_no int PRIMARY KEY,
  id text NOT NULL UNIQUE,
  -- Null until the enrolment has been copied.
  name text,
  role text,
  transport text,
  enrolled_at timestamptz,
  revoked_at timestamptz,
  firmware text NOT NULL DEFAULT ''
);

CREATE TABLE device_keys (
  device_no int NOT NULL REFERENCES devices,
  epoch int NOT NULL,
  public_key bytea NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_until timestamptz,
  PRIMARY KEY (device_no, epoch)
);

CREATE TABLE sources (
  source_no int PRIMARY KEY,
  source text NOT NULL,
  format text NOT NULL,
  firmware text NOT NULL,
  UNIQUE (source, format, firmware)
);

-- A sensor with a unit, each a code of the protocol's tables or text as sent.
CREATE TABLE channels (
  channel_no int PRIMARY KEY,
  -- JSON `[sensor, unit]` as sent, which tells the code 1 from the text "1".
  key text NOT NULL UNIQUE,
  -- The code tables' names where known, else the number or text as sent.
  sensor text NOT NULL,
  unit text NOT NULL
);

-- One row per ledger entry, its readings side by side in arrays: docs/adr/0011-wide-rows.md. Widest columns first, so that
-- none is padded.
CREATE TABLE entries (
  leaf_index bigint PRIMARY KEY,
  -- The device's clock where plausible, else the gateway's. Null only with kind 0.
  time timestamptz,
  received_at timestamptz,
  device_no int,
  source_no int,
  -- The key that verified it; 0: attested.
  key_epoch int,
  lat_e7 int,
  lon_e7 int,
  acc_m int,
  -- As in the leaf: 1 reading, 2 seal, 3 event; 0: not understood by the gateway that copied it.
  kind smallint NOT NULL,
  -- Whether `time` is the device's.
  device_clock boolean NOT NULL,
  seq numeric,
  msg_id text,
  -- Null: the payload could not be decoded.
  channels int[],
  values numeric[],
  -- Null: all 0.
  qualities smallint[],
  -- The leaf, byte for byte.
  entry bytea NOT NULL
);
ALTER TABLE entries ALTER COLUMN entry SET STORAGE EXTERNAL;
CREATE INDEX entries_time ON entries (time, leaf_index);
CREATE INDEX entries_device_time ON entries (device_no, time, leaf_index);

-- Only retention takes entries away, and says so.
CREATE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('mycogate.retention', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'entries are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
  FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

CREATE VIEW readings AS
SELECT e.time, d.id AS device_id, c.sensor, r.value, c.unit, coalesce(r.quality, 0) AS quality,
       e.seq, e.msg_id, e.leaf_index, r.ordinal,
       CASE WHEN e.key_epoch > 0 THEN 'verified' ELSE 'attested' END AS verification,
       CASE WHEN e.device_clock THEN 'device' ELSE 'gateway' END AS time_source,
       e.received_at, e.lat_e7 / 1e7 AS lat, e.lon_e7 / 1e7 AS lon, e.acc_m,
       s.source, s.firmware
FROM entries e
CROSS JOIN LATERAL unnest(e.channels, e.values, e.qualities) WITH ORDINALITY AS r (channel_no, value, quality, ordinal)
JOIN channels c USING (channel_no)
JOIN devices d USING (device_no)
JOIN sources s USING (source_no);
