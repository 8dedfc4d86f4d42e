/**
 * How far an interrupted `ledger verify` had come. A mark makes the next run pass over entries, so it is kept with whoever
 * verifies and not with what is verified, and is signed with a key of theirs: nobody else can make one that is taken.
 * docs/adr/0075-verifying-a-whole-log.md
 */
import { createHash, createPublicKey, hash, sign, verify } from "node:crypto";
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { checkpointPath, readCheckpointFile } from "./checkpoint-file.ts";
import { diskFiles } from "./disk-files.ts";
import { isMissing } from "./file-port.ts";
import { HashCheck } from "./hash-check.ts";
import { ed25519Key, loadOrCreateKey, readKey } from "./key-file.ts";
import { journalDir } from "./ledger.ts";
import { listSegments, segmentPath } from "./segment.ts";
import type { VerifiedPart } from "./verify-log.ts";

/** Counts on with every change of what a mark, or the verification behind it, says. */
const version = 1;

interface Mark {
  readonly version: number;
  /** Path of the ledger. */
  readonly ledger: string;
  /** Hash of the keys that it was verified with. */
  readonly keys: string;
  /** ISO 8601, when this was written. */
  readonly time: string;
  /** Hash of what the file system says of the segments before the mark. */
  readonly segments: string;
  readonly part: VerifiedPart;
}

export type FoundMark = { readonly part: VerifiedPart; readonly time: string } | { readonly unusable: string };

/** Where a user's programs keep such things, by the XDG Base Directory specification; undefined for a user without a home. */
export function marksDir(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const state = env.XDG_STATE_HOME || (env.HOME && join(env.HOME, ".local", "state"));
  return state && join(state, "mycogate");
}

export class VerifyMark {
  readonly #dir: string;
  readonly #ledgerDir: string;
  readonly #keys: string;
  /** By segment, as it was before the verification began to read: whatever is written later shows. */
  readonly #segments: ReadonlyMap<number, string>;
  #trouble: unknown;

  private constructor(dir: string, ledgerDir: string, keys: string, segments: ReadonlyMap<number, string>) {
    this.#dir = dir;
    this.#ledgerDir = ledgerDir;
    this.#keys = keys;
    this.#segments = segments;
  }

  /**
   * @param dir of the verifier's own, see `marksDir`; made when something is to be kept there
   * @param ledgerDir `<data>/ledger` @param keys what the verification goes by, public or secret
   */
  static async open(dir: string, ledgerDir: string, keys: readonly string[]): Promise<VerifyMark> {
    const journal = journalDir(ledgerDir);
    const segments = new Map<number, string>();
    for (const segment of await listSegments(diskFiles, journal)) {
      segments.set(segment, await traceOf(segmentPath(journal, segment)));
    }
    const place = await realpath(ledgerDir).catch(() => ledgerDir);
    return new VerifyMark(dir, place, digest(JSON.stringify(keys)), segments);
  }

  /** Why nothing can be kept; undefined while it can. */
  get trouble(): unknown {
    return this.#trouble;
  }

  /** What an earlier run has left, held against what is there now. */
  async read(): Promise<FoundMark> {
    const [key, text] = await Promise.all([
      readKey(this.#keyPath, ed25519Key),
      readFile(this.#path, "utf8").catch((error) => (isMissing(error) ? undefined : Promise.reject(error))),
    ]);
    if (text === undefined) return { unusable: "no verification of this ledger was interrupted" };
    const [body = "", signature = ""] = text.split("\n");
    const isOwn = key && verify(null, Buffer.from(body), createPublicKey(key), Buffer.from(signature, "base64"));
    if (!isOwn) return { unusable: "what is kept of the earlier run is damaged, or is not of your making" };
    const mark = JSON.parse(body) as Mark;
    const unusable = await this.#flawOf(mark);
    return unusable === undefined ? { part: mark.part, time: mark.time } : { unusable };
  }

  /** Replaces the one before. On failure it is not tried again, see `trouble`. */
  async write(part: VerifiedPart): Promise<void> {
    if (this.#trouble !== undefined) return;
    const segments = this.#tracesBefore(part.state.leaf);
    const time = new Date().toISOString();
    const body = JSON.stringify({ version, ledger: this.#ledgerDir, keys: this.#keys, time, segments, part });
    try {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      const key = await loadOrCreateKey(this.#keyPath, ed25519Key);
      const temporary = `${this.#path}.${process.pid}`;
      await writeFile(temporary, `${body}\n${sign(null, Buffer.from(body), key).toString("base64")}\n`, {
        mode: 0o600,
      });
      await rename(temporary, this.#path);
    } catch (error) {
      this.#trouble = error;
    }
  }

  /** The verification has come to its end. */
  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  get #path(): string {
    return join(this.#dir, `verify-${digest(this.#ledgerDir).slice(0, 16)}.mark`);
  }

  get #keyPath(): string {
    return join(this.#dir, "verify-ed25519.pem");
  }

  async #flawOf(mark: Mark): Promise<string | undefined> {
    if (mark.version !== version) return "what is kept of the earlier run is of another version of this program";
    if (mark.ledger !== this.#ledgerDir) return "what is kept is of another ledger";
    if (mark.keys !== this.#keys) return "the earlier run went by other keys";
    const { leaf } = mark.part.state;
    if (!this.#segments.has(leaf) || mark.segments !== this.#tracesBefore(leaf))
      return "files that the earlier run had read have been written to or replaced since";
    if ((await this.#signedSize()) < leaf) return "the checkpoint is older than what the earlier run had read";
    return (await this.#hasTree(mark)) ? undefined : "the hash files are not those that the earlier run had read";
  }

  /** Without looking at signatures: the verification does. */
  async #signedSize(): Promise<number> {
    const note = parseNote((await readCheckpointFile(diskFiles, checkpointPath(this.#ledgerDir))) ?? "");
    const checkpoint = note.ok ? parseCheckpoint(note.value.text) : note;
    return checkpoint.ok ? checkpoint.value.size : 0;
  }

  async #hasTree({ part: { state } }: Mark): Promise<boolean> {
    const hashes = new HashCheck(diskFiles, this.#ledgerDir, state.leaf);
    try {
      const peaks = (await hashes.storedTree(state.leaf))?.peaks;
      return peaks !== undefined && Buffer.from(peaks).toString("hex") === state.peaks;
    } finally {
      await hashes.close();
    }
  }

  #tracesBefore(leaf: number): string {
    const traces = createHash("sha256");
    for (const [segment, trace] of this.#segments) if (segment < leaf) traces.update(`${trace}\n`);
    return traces.digest("hex");
  }
}

/** Another one once the file was written to or replaced. Nothing about its content: disks lose bits without a trace. */
async function traceOf(path: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [basename(path), ino, size, mtimeNs, ctimeNs].join(" ");
}

function digest(text: string): string {
  return hash("sha256", text, "hex");
}
