/**
 * The file behind the broker's sessions: one JSON record a line, appended; rewritten from the state in memory when most
 * of it is history. It outlives the death of the process at any moment; what must outlive a power cut waits for fdatasync.
 */
import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { SessionRecord } from "../../../src/mqtt/session-state.ts";

/** Below this size a rewrite gains nothing. */
const smallBytes = 16 * 1024 * 1024;

type Done = (error?: Error) => void;

interface Waiter {
  readonly sync: boolean;
  readonly done: Done;
}

export interface SessionLogOptions {
  readonly directory: string;
  readonly log: Logger;
  /** Records that rebuild the state as it is now. */
  readonly snapshot: () => Iterable<SessionRecord>;
}

export class SessionLog {
  readonly #options: SessionLogOptions;
  readonly #path: string;
  #file: FileHandle | undefined;
  #lines: string[] = [];
  #waiters: Waiter[] = [];
  #draining: Promise<void> | undefined;
  #bytes = 0;
  #snapshotBytes = 0;
  /** The end of the file may be half a line. */
  #torn = false;

  constructor(options: SessionLogOptions) {
    this.#options = options;
    this.#path = join(options.directory, "sessions.ndjson");
  }

  /** Read what is there, in order, and start a file that holds the state it leads to. */
  async open(apply: (record: SessionRecord) => void): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    const lines = (await this.#read()).split("\n");
    const torn = lines.pop() !== "" ? 1 : 0;
    let unreadable = torn;
    for (const line of lines) {
      try {
        apply(JSON.parse(line) as SessionRecord);
      } catch {
        unreadable++;
      }
    }
    if (unreadable > 0) this.#options.log.warn({ lines: unreadable, torn: torn > 0 }, "MQTT session records skipped");
    await this.#rewrite();
  }

  append(record: SessionRecord): void {
    this.#lines.push(JSON.stringify(record));
    this.#start();
  }

  /** Calls back once everything appended so far is written, with `sync` also through a power cut. */
  written(sync: boolean, done: Done): void {
    this.#waiters.push({ sync, done });
    this.#start();
  }

  async close(): Promise<void> {
    await this.#draining;
    await this.#file?.datasync();
    await this.#file?.close();
    this.#file = undefined;
  }

  async #read(): Promise<string> {
    try {
      return await readFile(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw error;
    }
  }

  #start(): void {
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // One turn of the event loop, so that what belongs together is written together.
    await new Promise(setImmediate);
    while (this.#lines.length > 0 || this.#waiters.length > 0) {
      const waiters = this.#waiters;
      this.#waiters = [];
      let failure: Error | undefined;
      try {
        await this.#write();
        if (waiters.some(({ sync }) => sync)) await this.#file!.datasync();
      } catch (error) {
        failure = error as Error;
        if (!this.#torn) this.#options.log.error({ err: failure }, "MQTT sessions cannot be written");
        this.#torn = true;
      }
      for (const { done } of waiters) done(failure);
    }
    this.#draining = undefined;
  }

  async #write(): Promise<void> {
    if (this.#torn || this.#bytes > Math.max(smallBytes, 4 * this.#snapshotBytes)) {
      await this.#rewrite();
      return;
    }
    const lines = this.#lines;
    this.#lines = [];
    if (lines.length === 0) return;
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    await this.#file!.appendFile(bytes);
    this.#bytes += bytes.length;
  }

  /** The state holds what the waiting lines say, so they are part of the snapshot. */
  async #rewrite(): Promise<void> {
    this.#lines = [];
    const lines: string[] = [];
    for (const record of this.#options.snapshot()) lines.push(`${JSON.stringify(record)}\n`);
    const bytes = Buffer.from(lines.join(""));
    const next = `${this.#path}.new`;
    const file = await open(next, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.datasync();
      await rename(next, this.#path);
      await syncDirectory(this.#options.directory);
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#bytes = bytes.length;
    this.#snapshotBytes = bytes.length;
    this.#torn = false;
  }
}

/** A rename outlives a power cut once its directory is on disk. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
