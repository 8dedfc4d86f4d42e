import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { GatewayError } from "../../src/errors.ts";

/**
 * One gateway per data directory: a kernel lock on `<data>/lock`, gone with the process however that ends. What the file
 * says is only there to tell people who holds it.
 */
export class DataDirLock {
  /** Not a FileHandle: one that is garbage-collected closes itself, and the lock would go with it. */
  #descriptor: number | undefined;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Creates the directory when missing. @throws GatewayError DATA_DIR_LOCKED, naming the holder, or DATA_DIR_UNUSABLE */
  static async acquire(dataDir: string): Promise<DataDirLock> {
    const descriptor = openLockFile(dataDir);
    try {
      if (!tryLock(descriptor)) throw lockedBy(readFileSync(descriptor, "utf8"), dataDir);
      ftruncateSync(descriptor);
      writeSync(descriptor, JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }));
      return new DataDirLock(descriptor);
    } catch (error) {
      closeSync(descriptor);
      throw error instanceof GatewayError ? error : unusable(dataDir, error);
    }
  }

  async release(): Promise<void> {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function openLockFile(dataDir: string): number {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o750 });
    return openSync(join(dataDir, "lock"), "a+", 0o640);
  } catch (cause) {
    throw unusable(dataDir, cause);
  }
}

function unusable(dataDir: string, cause: unknown): GatewayError {
  return new GatewayError("DATA_DIR_UNUSABLE", `${dataDir} cannot be used as data directory`, {
    cause,
    details: { dataDir },
  });
}

function lockedBy(content: string, dataDir: string): GatewayError {
  // Empty or half written when the holder is just starting.
  const { pid, host, since } =
    /"pid":(?<pid>\d+),"host":"(?<host>[^"]*)","since":"(?<since>[^"]*)"/.exec(content)?.groups ?? {};
  const holder = pid === undefined ? "another process" : `process ${pid} on ${host} since ${since}`;
  return new GatewayError("DATA_DIR_LOCKED", `${dataDir} is in use by ${holder}`, {
    details: { dataDir, pid, host, since },
  });
}
