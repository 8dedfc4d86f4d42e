/** One pass of the scrub over what is signed, step by step: what its worker thread does, apart from being one. */
import type { ClientConfig } from "pg";
import type { Checkpoint } from "../../src/ledger/checkpoint.ts";
import type { ScrubFinding } from "../../src/ledger/scrub-events.ts";
import { tombstoneIn } from "../../src/ledger/tombstone.ts";
import type { FilePort } from "../journal/file-port.ts";
import { journalDir } from "../journal/ledger.ts";
import { JournalCheck, type SignedRun } from "./journal-check.ts";
import { LedgerEvents } from "./ledger-events.ts";
import { type CheckedRows, RowCheck } from "./row-check.ts";

export interface PassOptions {
  /** `<data>/ledger` */
  readonly dir: string;
  readonly signed: Checkpoint;
  /** Where a pass that was interrupted had come to, or 0. */
  readonly from: number;
}

export interface StepRequest {
  /** Entries of the log that are on disk by now. */
  readonly durableSize: number;
  /** How to reach the database; undefined while it is away. */
  readonly database: ClientConfig | undefined;
}

export interface StepReport extends CheckedRows {
  /** The first entry not checked yet. */
  readonly position: number;
  readonly done: boolean;
  /** Entries read and hashed. */
  readonly entries: number;
}

export class ScrubPass {
  readonly #journal: JournalCheck;
  readonly #events: LedgerEvents;
  readonly #rows: RowCheck;

  constructor(files: FilePort, { dir, signed, from }: PassOptions) {
    this.#journal = new JournalCheck(files, dir, signed, from);
    this.#events = new LedgerEvents(files, journalDir(dir));
    this.#rows = new RowCheck(this.#events);
  }

  /** @throws what the file system says */
  async step({ durableSize, database }: StepRequest): Promise<StepReport> {
    await this.#events.readOn(durableSize);
    const { entries, findings, runs } = await this.#journal.step();
    const unordered = runs.flatMap((run) => this.#unordered(run));
    const rows = await this.#rows.compare(database, runs);
    const { position, done } = this.#journal;
    return { position, done, entries, ...rows, findings: [...findings, ...unordered, ...rows.findings] };
  }

  async close(): Promise<void> {
    await this.#rows.close();
    await this.#journal.close();
  }

  #unordered({ firstLeaf, entries }: SignedRun): ScrubFinding[] {
    const leaves = entries.flatMap((entry, index) => {
      const tombstone = entry && tombstoneIn(entry);
      const leaf = firstLeaf + index;
      return tombstone === undefined || this.#events.explain(leaf, tombstone) ? [] : [leaf];
    });
    if (leaves.length === 0) return [];
    const what = "the content of an entry is gone, and no entry has ordered that";
    return [{ part: "journal", what, leafIndex: leaves[0]!, count: leaves.length, repaired: false }];
  }
}
