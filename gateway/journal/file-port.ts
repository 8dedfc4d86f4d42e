/**
 * All that the journal asks of a file system, so that tests can stand in one that tears writes, fills up and loses
 * power. Failures carry Node's `code` (`ENOSPC`, `EIO`, `ENOENT`, …).
 */
export interface FilePort {
  /**
   * `read` needs the file to exist; `update` creates it when missing; `replace` creates it or empties it.
   * Created files are readable by the owner and group only.
   */
  open(path: string, mode: "read" | "update" | "replace"): Promise<OpenFile>;
  /** Replaces `to` atomically. Survives a power cut only after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Names, in no order; empty when the directory is missing. */
  list(dir: string): Promise<string[]>;
  /** Creates the directory and those above it, durably. */
  makeDirectory(dir: string): Promise<void>;
  /** Makes names created, renamed or removed in `dir` durable. */
  syncDirectory(dir: string): Promise<void>;
}

export interface OpenFile {
  size(): Promise<number>;
  /** Fills `target` from `position` on; the count is short only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** All of it, or it throws; then any part may have been written. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>;
  /** fdatasync: data, and the size needed to read it back. */
  datasync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export function isDiskFull(error: unknown): boolean {
  return hasCode(error, "ENOSPC") || hasCode(error, "EDQUOT");
}

export function isMissing(error: unknown): boolean {
  return hasCode(error, "ENOENT");
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
