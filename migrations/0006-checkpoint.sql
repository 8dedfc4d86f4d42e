-- The newest checkpoint or one of the seconds before it, a C2SP signed note: by it the gateway notices that its own disk was put
-- back to an older state, or holds another history.
ALTER TABLE ledger ADD COLUMN checkpoint text;
