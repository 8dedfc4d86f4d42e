/**
 * What the scrub has found: every finding is an entry of the ledger and a line of the log. One that nothing has repaired
 * stays open, over restarts too, and is not told again, until a whole pass does not meet it any more.
 */
import { decodeEntry } from "../../src/ledger/entry.ts";
import {
  closedEntry,
  findingEntry,
  type ScrubFinding,
  type ScrubPart,
  scrubEvent,
} from "../../src/ledger/scrub-events.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { forEachEntry } from "../journal/frame.ts";
import type { Ledger } from "../journal/ledger.ts";
import type { JournalLogger } from "../journal/logger.ts";

export interface FindingsOptions {
  /** Writes an entry. @returns its leaf index once it is durable */
  readonly record: (event: EventEntry) => Promise<number>;
  readonly nowUs: () => number;
  readonly log: JournalLogger;
}

export interface OpenFinding extends ScrubFinding {
  /** Leaf index of the entry that tells it. */
  readonly entry: number;
}

/** Findings of one kind, told together at the end of the pass but for the first. */
interface Merged {
  readonly first: ScrubFinding;
  count: number;
}

/** Beyond this many entries in a pass, what is found is told by its part alone. */
const maxEntries = 100;

export class Findings {
  readonly #options: FindingsOptions;
  readonly #open = new Map<string, OpenFinding>();
  /** Since this start: what they were about, by part. */
  readonly #found: Partial<Record<ScrubPart, number>> = {};
  readonly #repaired: Partial<Record<ScrubPart, number>> = {};
  #told = 0;
  #seen = new Set<string>();
  #waiting = new Map<string, Merged>();

  private constructor(options: FindingsOptions) {
    this.#options = options;
  }

  /** With what the ledger has open. */
  static async open(ledger: Ledger, options: FindingsOptions): Promise<Findings> {
    const findings = new Findings(options);
    for await (const { firstLeaf, bundle } of ledger.controlFrames(0, ledger.durableSize)) {
      forEachEntry(bundle, (bytes, index) => findings.#replay(bytes, firstLeaf + index));
    }
    return findings;
  }

  get open(): readonly OpenFinding[] {
    return [...this.#open.values()];
  }

  get found(): Readonly<Record<string, number>> {
    return { ...this.#found };
  }

  get repaired(): Readonly<Record<string, number>> {
    return { ...this.#repaired };
  }

  /** Before the first finding of a pass. */
  begin(): void {
    this.#told = 0;
    this.#seen = new Set();
    this.#waiting = new Map();
  }

  /** @throws GatewayError as LedgerPort.append */
  async add(finding: ScrubFinding): Promise<void> {
    const { part, repaired } = finding;
    const { log } = this.#options;
    this.#found[part] = (this.#found[part] ?? 0) + finding.count;
    if (repaired) this.#repaired[part] = (this.#repaired[part] ?? 0) + finding.count;
    else log.error({ ...finding }, "the scrub found damage that it cannot repair");
    if (repaired) log.warn({ ...finding }, "the scrub repaired what differed from the ledger");
    const own = kindOf(finding);
    const before = this.#seen.has(own);
    this.#seen.add(own);
    if (!repaired && this.#open.has(own)) return;
    if (!before && this.#told < maxEntries) return this.#tell(finding);
    const kind = this.#told < maxEntries ? own : `${part} ${repaired}`;
    const merged = this.#waiting.get(kind) ?? { first: finding, count: 0 };
    merged.count += finding.count;
    this.#waiting.set(kind, merged);
  }

  /** @param parts that were looked at as a whole: what was not met there is over. @throws GatewayError as LedgerPort.append */
  async end(parts: readonly ScrubPart[]): Promise<void> {
    const waiting = [...this.#waiting.values()];
    this.#waiting = new Map();
    for (const { first, count } of waiting) await this.#tell({ ...first, count });
    const { record, nowUs, log } = this.#options;
    for (const [kind, { entry, ...finding }] of this.#open) {
      if (this.#seen.has(kind) || !parts.includes(finding.part)) continue;
      await record(closedEntry(entry, nowUs()));
      this.#open.delete(kind);
      log.info({ ...finding, entry }, "what the scrub had found is not there any more");
    }
  }

  async #tell(finding: ScrubFinding): Promise<void> {
    const { record, nowUs } = this.#options;
    this.#told++;
    const entry = await record(findingEntry(finding, nowUs()));
    if (!finding.repaired) this.#open.set(kindOf(finding), { ...finding, entry });
  }

  #replay(bytes: Uint8Array, entry: number): void {
    const decoded = decodeEntry(bytes);
    const event = decoded.ok && decoded.value.kind === "event" ? scrubEvent(decoded.value) : undefined;
    if (event?.type === "ledger.finding") this.#open.set(kindOf(event.finding), { ...event.finding, entry });
    if (event?.type !== "ledger.finding_closed") return;
    for (const [kind, open] of this.#open) if (open.entry === event.entry) this.#open.delete(kind);
  }
}

/** What is repaired is over and may be told together; what is open has a place of its own. */
function kindOf({ part, what, leafIndex, repaired }: ScrubFinding): string {
  return repaired ? `${part} repaired ${what}` : `${part} ${leafIndex} ${what}`;
}
