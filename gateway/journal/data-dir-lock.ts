import { type FileHandle, mkdir, open } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { GatewayError } from "../../src/errors.ts";

/**
 * One gateway per data directory: a kernel lock on `<data>/lock`, gone with the process however that ends. What the file
 * says is only there to tell people who holds it.
 */
export class DataDirLock {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Creates the directory when missing. @throws GatewayError DATA_DIR_LOCKED, naming the holder, or DATA_DIR_UNUSABLE */
  static async acquire(dataDir: string): Promise<DataDirLock> {
    const file = await openLockFile(dataDir);
    try {
      if (!tryLock(file.fd)) throw lockedBy(await file.readFile("utf8"), dataDir);
      await file.truncate();
      await file.write(JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }), 0);
      return new DataDirLock(file);
    } catch (error) {
      await file.close();
      throw error instanceof GatewayError ? error : unusable(dataDir, error);
    }
  }

  release(): Promise<void> {
    return this.#file.close();
  }
}

async function openLockFile(dataDir: string): Promise<FileHandle> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o750 });
    return await open(join(dataDir, "lock"), "a+", 0o640);
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
