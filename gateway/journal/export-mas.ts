/** The sealed blocks of the log as a MAS ledger: one JSONL file, or two tables as CSV. See src/ledger/mas-chain.ts for what that shows. */
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GatewayError } from "../../src/errors.ts";
import { MasChain, type MasLeaf, type MasRecord, masJson } from "../../src/ledger/mas-chain.ts";
import { hashBytes, MerkleTree } from "../../src/ledger/merkle.ts";
import { decodeSeal, looksLikeSeal } from "../../src/ledger/seal.ts";
import type { FilePort } from "./file-port.ts";
import { forEachEntry } from "./frame.ts";
import { JournalReader } from "./journal-reader.ts";
import { leafHashesOf } from "./leaf-hashes.ts";
import { journalDir } from "./ledger.ts";
import type { PublishedLog } from "./published-log.ts";

export interface MasReport {
  readonly origin: string;
  /** Sealed blocks; the genesis is one more. */
  readonly blocks: number;
  readonly entries: number;
}

export interface MasExportOptions {
  readonly log: PublishedLog;
  /** `<data>/ledger` */
  readonly ledgerDir: string;
  readonly files?: FilePort;
  readonly onProgress?: (entries: number, of: number) => void;
}

const blockColumns = ["block_number", "previous_hash", "timestamp", "merkle_root", "data_count", "block_hash"] as const;
const entryColumns = ["entry_id", "block_number", "entry_type", "data_hash", "metadata", "timestamp"] as const;

export class MasExport {
  readonly #options: MasExportOptions;
  #origin = "";
  #blocks = 0;
  #entries = 0;

  constructor(options: MasExportOptions) {
    this.#options = options;
  }

  /**
   * The same log gives the same file, longer when it has grown.
   * @throws GatewayError NOT_FOUND without a checkpoint, JOURNAL_CORRUPT when the entries are not what was signed
   */
  async jsonl(file: string): Promise<MasReport> {
    await whole([file], async ([part]) => {
      await write(
        part!,
        lines(this.#records(), (record) => masJson(record)),
      );
    });
    return this.#report();
  }

  /** `blocks.csv` and `entries.csv`, with a header line each. @throws as `jsonl` */
  async tables(dir: string): Promise<MasReport> {
    await whole([join(dir, "blocks.csv"), join(dir, "entries.csv")], async ([blocks, entries]) => {
      const csv = { block: blockColumns, entry: entryColumns } as const;
      for (const [type, part] of [
        ["block", blocks!],
        ["entry", entries!],
      ] as const) {
        const row = (record: MasRecord) =>
          record.record_type === type ? csvRow(csv[type].map((column) => cell(record, column))) : undefined;
        await write(part, lines(this.#records(), row, csvRow(csv[type])));
      }
    });
    return this.#report();
  }

  #report(): MasReport {
    return { origin: this.#origin, blocks: this.#blocks, entries: this.#entries };
  }

  async *#records(): AsyncGenerator<MasRecord, void, void> {
    const { log, ledgerDir, files, onProgress } = this.#options;
    const stored = await log.checkpoint();
    if (stored === undefined) throw new GatewayError("NOT_FOUND", "the ledger has no checkpoint yet");
    const { origin, size, root } = stored.checkpoint;
    const chain = new MasChain(origin);
    const tree = new MerkleTree();
    const journal = new JournalReader(journalDir(ledgerDir), files);
    let open: MasLeaf[] = [];
    [this.#origin, this.#blocks, this.#entries] = [origin, 0, 0];
    try {
      for await (const frame of journal.frames(0, size)) {
        const hashes = leafHashesOf(frame);
        tree.append(hashes);
        const records: MasRecord[] = [];
        forEachEntry(frame.bundle, (entry, index) => {
          const leafIndex = frame.firstLeaf + index;
          const decoded = looksLikeSeal(entry) ? decodeSeal(entry) : undefined;
          if (!decoded?.ok) {
            const leafHash = hashes.toString("hex", index * hashBytes, (index + 1) * hashBytes);
            // An array of four that begins with 3 is an event; all else is a reading, or was one.
            open.push({ leafIndex, leafHash, type: entry[0] === 0x84 && entry[1] === 0x03 ? "event" : "reading" });
            return;
          }
          const { number, openedUs, sealedUs } = decoded.value.seal;
          records.push(...chain.block(open, { leafIndex, number, openedUs, sealedUs }));
          this.#blocks++;
          this.#entries += open.length;
          open = [];
        });
        yield* records;
        onProgress?.(tree.size, size);
      }
    } finally {
      await journal.close();
    }
    if (Buffer.compare(tree.root(), root) !== 0)
      throw new GatewayError("JOURNAL_CORRUPT", `the entries do not have the root that was signed for ${size} of them`);
  }
}

async function* lines(
  records: AsyncIterable<MasRecord>,
  lineOf: (record: MasRecord) => string | undefined,
  header?: string,
): AsyncGenerator<string, void, void> {
  if (header !== undefined) yield `${header}\n`;
  for await (const record of records) {
    const line = lineOf(record);
    if (line !== undefined) yield `${line}\n`;
  }
}

function cell(record: MasRecord, column: string): string {
  const value = (record as unknown as Readonly<Record<string, string | number | MasRecord[keyof MasRecord]>>)[column]!;
  return typeof value === "object" ? masJson(value) : String(value);
}

/** RFC 4180, a cell quoted where it must be. */
function csvRow(cells: readonly string[]): string {
  return cells.map((text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(",");
}

async function write(file: string, text: AsyncIterable<string>): Promise<void> {
  await pipeline(Readable.from(text), createWriteStream(file));
}

/** Files appear under their names once all of them are complete. */
async function whole(files: readonly string[], make: (parts: readonly string[]) => Promise<void>): Promise<void> {
  const parts = files.map((file) => `${file}.tmp`);
  for (const file of files) await mkdir(dirname(file), { recursive: true });
  try {
    await make(parts);
    for (const [index, part] of parts.entries()) await rename(part, files[index]!);
  } finally {
    for (const part of parts) await rm(part, { force: true });
  }
}
