-- TimescaleDB where the server has it: entries become a hypertable over the leaf index, and old chunks are compressed.
-- Runs at every start after the numbered migrations and changes nothing the second time. Written from the TimescaleDB 2
-- documentation (create_hypertable, set_integer_now_func, add_compression_policy); without the extension it does nothing.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM timescaledb_information.hypertables
             WHERE hypertable_schema = current_schema() AND hypertable_name = 'entries') THEN
    RETURN;
  END IF;

  -- "Now" on the axis of leaf indexes, from which the policy counts back.
  CREATE FUNCTION entries_copied() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT leaf_index FROM tailer_cursors WHERE name = ''entries''';
  PERFORM create_hypertable('entries', 'leaf_index', chunk_time_interval => 2000000, migrate_data => true);
  PERFORM set_integer_now_func('entries', 'entries_copied');
  ALTER TABLE entries SET (timescaledb.compress, timescaledb.compress_segmentby = 'device_no',
                           timescaledb.compress_orderby = 'leaf_index');
  PERFORM add_compression_policy('entries', compress_after => 4000000::bigint);
END $$;
