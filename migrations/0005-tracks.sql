-- Where devices were, for tracks: most entries say nothing of it.
CREATE INDEX entries_track ON entries (device_no, time, leaf_index) WHERE lat_e7 IS NOT NULL;
