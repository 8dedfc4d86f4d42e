-- Readings that are arrays (spectra, heater scans, channel state), in the row of their entry like the others: the values
-- of all its arrays one after another, and for each array its channel, where it ends, and its quality.
-- docs/adr/0080-arrays-in-wide-rows.md
ALTER TABLE entries
  ADD COLUMN array_channels int[],
  -- Cumulative: array i is array_values[array_ends[i - 1] + 1 : array_ends[i]].
  ADD COLUMN array_ends int[],
  ADD COLUMN array_values numeric[],
  -- Null: all 0.
  ADD COLUMN array_qualities smallint[];

CREATE VIEW array_readings AS
SELECT e.time, d.id AS device_id, c.sensor,
       e.array_values[coalesce(e.array_ends[r.ordinal - 1], 0) + 1 : r.array_end] AS values,
       c.unit, coalesce(r.quality, 0) AS quality, e.seq, e.msg_id, e.leaf_index, r.ordinal,
       CASE WHEN e.key_epoch > 0 THEN 'verified' ELSE 'attested' END AS verification,
       CASE WHEN e.device_clock THEN 'device' ELSE 'gateway' END AS time_source,
       e.received_at, e.lat_e7 / 1e7 AS lat, e.lon_e7 / 1e7 AS lon, e.acc_m,
       s.source, s.firmware
FROM entries e
CROSS JOIN LATERAL unnest(e.array_channels, e.array_ends, e.array_qualities)
  WITH ORDINALITY AS r (channel_no, array_end, quality, ordinal)
JOIN channels c USING (channel_no)
JOIN devices d USING (device_no)
JOIN sources s USING (source_no);
