import type { ClientConfig } from "pg";
import type { ScrubFinding } from "../../src/ledger/scrub-events.ts";
import type { SignedRun } from "./journal-check.ts";
import type { LedgerEvents } from "./ledger-events.ts";
import { RowSession } from "./row-session.ts";

/** Of one step. */
export interface CheckedRows {
  /** Rows compared. */
  readonly rows: number;
  /** Entries whose rows could not be compared. */
  readonly missed: number;
  readonly findings: readonly ScrubFinding[];
  /** Why some were missed. */
  readonly trouble: string | undefined;
}

/** After the database was lost, the pass goes on without it for so long. */
const retryMs = 5_000;

/** The rows that belong to runs of entries, while the database comes and goes. */
export class RowCheck {
  readonly #events: LedgerEvents;
  #session: RowSession | undefined;
  #lostMs = Number.NEGATIVE_INFINITY;
  #trouble: string | undefined;

  constructor(events: LedgerEvents) {
    this.#events = events;
  }

  /** @param database undefined while it is away */
  async compare(database: ClientConfig | undefined, runs: readonly SignedRun[]): Promise<CheckedRows> {
    const findings: ScrubFinding[] = [];
    const joined = contiguous(runs);
    let [rows, missed] = [0, 0];
    for (const run of joined) {
      try {
        const session = await this.#connected(database, findings);
        const compared = await session?.compare(run, this.#events);
        if (compared === undefined) missed += run.entries.length;
        rows += compared?.rows ?? 0;
        findings.push(...(compared?.findings ?? []));
      } catch (error) {
        missed += run.entries.length;
        this.#trouble = error instanceof Error ? error.message : String(error);
        this.#lostMs = performance.now();
        await this.close();
      }
    }
    return { rows, missed, findings, trouble: missed > 0 ? this.#trouble : undefined };
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
  }

  async #connected(database: ClientConfig | undefined, findings: ScrubFinding[]): Promise<RowSession | undefined> {
    if (this.#session !== undefined) return this.#session;
    if (database === undefined) this.#trouble = "the database is away";
    if (database === undefined || performance.now() - this.#lostMs < retryMs) return undefined;
    this.#session = await RowSession.open(database);
    findings.push(...(await this.#session.removeStrays()), ...(await this.#session.checkDevices(this.#events)));
    return this.#session;
  }
}

/** Runs that follow each other as one. */
function contiguous(runs: readonly SignedRun[]): SignedRun[] {
  const joined: SignedRun[] = [];
  for (const run of runs) {
    const last = joined.at(-1);
    if (last === undefined || last.firstLeaf + last.entries.length !== run.firstLeaf) joined.push(run);
    else {
      const hashes = Buffer.concat([last.hashes, run.hashes]);
      joined[joined.length - 1] = { ...last, entries: [...last.entries, ...run.entries], hashes };
    }
  }
  return joined;
}
