-- Entries are append-only also for the role that the gateway connects as: it may insert and read. What may change them says
-- so in its own transaction, and takes the right for no longer than that: retention deletes, repair writes rows anew from the
-- ledger, where they differ from it or readings were taken out of it. docs/adr/0073-append-only-entries.md
CREATE OR REPLACE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND (current_setting('mycogate.retention', true) = 'on'
                           OR current_setting('mycogate.repair', true) = 'on') THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'entries are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
REVOKE UPDATE, DELETE, TRUNCATE ON entries FROM CURRENT_USER;

-- Where retention has come to: entries before this one may be missing, others may not.
INSERT INTO tailer_cursors VALUES ('retention', 0);
UPDATE tailer_cursors SET leaf_index = coalesce((SELECT min(leaf_index) FROM entries), 0) WHERE name = 'retention';
