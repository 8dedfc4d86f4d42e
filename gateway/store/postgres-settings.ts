/** postgresql.conf, written at every start; an operator's own settings go to local.conf beside it. */
export function postgresSettings(socketDir: string, port: number): string {
  return `# Written by the gateway at every start. Put your own settings into local.conf, which wins.
listen_addresses = ''
port = ${port}
unix_socket_directories = '${socketDir.replaceAll("'", "''")}'
unix_socket_permissions = 0700
max_connections = 24
password_encryption = 'scram-sha-256'
timezone = 'UTC'
datestyle = 'iso, ymd'
default_text_search_config = 'pg_catalog.english'

# One machine, shared with the gateway.
shared_buffers = 96MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
io_method = 'sync'
jit = off

# The journal is the truth and is copied again from where this ends.
synchronous_commit = off
wal_level = minimal
# Nobody waits for a commit, so nothing is won by writing each file of the log twice.
wal_init_zero = off
max_wal_senders = 0
min_wal_size = 128MB
max_wal_size = 1GB
checkpoint_timeout = 15min

log_line_prefix = '%m [%p] '
log_checkpoints = off
include_if_exists = 'local.conf'
`;
}
