/**
 * Which numbers of a device are not there, from the database: its entries in order of their time, which is the device's own
 * where it has a clock, so that late ones are in their place, and else that of arrival. Read page by page, in bounded memory.
 */
import { mdpTypes } from "../../protocol/spec.ts";
import { decodeMdpFrame } from "../../src/codec/mdp.ts";
import { isPayloadFormat } from "../../src/dialects/index.ts";
import { type Numbered, numberings } from "../../src/gaps/numbering.ts";
import { SequenceRuns } from "../../src/gaps/sequence-runs.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import type { GapQuery, GapReport, GapService } from "../http/services.ts";
import type { Database } from "./database.ts";
import { sqlTime } from "./readings.ts";
import { timestampText } from "./timestamp.ts";

/** A row as pg gives it: bigint and numeric as text. */
interface SqlRow {
  readonly time_us: string;
  readonly leaf_index: string;
  readonly seq: string | null;
  readonly format: string;
  /** Of the formats whose frames say who sent them. */
  readonly entry: Buffer | null;
}

interface Counter {
  readonly name: string;
  readonly numbered: Numbered;
  readonly runs: SequenceRuns;
  messages: number;
  unnumbered: number;
}

const pageRows = 5_000;
/** Messages read for one report; a device that has more is asked for by time. */
const maxRows = 2_000_000;

const select = `
SELECT (extract(epoch FROM e.time) * 1000000)::bigint AS time_us, e.leaf_index, e.seq, s.format,
       CASE WHEN s.format = 'mdp-b' THEN e.entry END AS entry
FROM entries e JOIN sources s USING (source_no)
WHERE e.kind = 1 AND e.device_no = (SELECT device_no FROM devices WHERE id = $1) AND e.leaf_index < $2
  AND e.time >= $3 AND e.time < $4 AND (e.time, e.leaf_index) > ($5::timestamptz, $6::bigint)
ORDER BY e.time, e.leaf_index LIMIT ${pageRows}`;

export class DatabaseGaps implements GapService {
  readonly #database: Pick<Database, "query">;

  constructor(database: Pick<Database, "query">) {
    this.#database = database;
  }

  async gaps({ device, from, to }: GapQuery): Promise<GapReport> {
    const [cursor] = await this.#database.query<{ leaf_index: string }>(
      "SELECT leaf_index FROM tailer_cursors WHERE name = 'entries'",
      [],
    );
    // Leaves beyond are copied in part.
    const upToLeaf = Number(cursor?.leaf_index ?? 0);
    const counters = new Map<string, Counter>();
    let after: readonly [time: string, leaf: string] = ["-infinity", "-1"];
    let [read, isComplete] = [0, false];
    while (!isComplete && read < maxRows) {
      const span = [from ? sqlTime(from) : "-infinity", to ? sqlTime(to) : "infinity"];
      const rows = await this.#database.query<SqlRow>(select, [device, upToLeaf, ...span, ...after]);
      for (const row of rows) count(counters, row);
      read += rows.length;
      isComplete = rows.length < pageRows;
      const last = rows.at(-1);
      if (last) after = [timestampText(Number(last.time_us)), last.leaf_index];
    }
    return { deviceId: device, upToLeaf, isComplete, counters: [...counters.values()].map(view) };
  }
}

function count(counters: Map<string, Counter>, { format, seq, leaf_index, time_us, entry }: SqlRow): void {
  const numbered = isPayloadFormat(format) ? numberings[format] : undefined;
  if (!numbered) return;
  const { sender, isStart } = numbered.bySender && entry ? frameFacts(entry) : { sender: "", isStart: false };
  const name = `${numbered.counter}${sender}`;
  const counter = counters.get(name) ?? { name, numbered, runs: new SequenceRuns(), messages: 0, unnumbered: 0 };
  counters.set(name, counter);
  counter.messages++;
  const number = seq === null ? Number.NaN : Number(seq);
  // What a double cannot count is no number to find gaps with.
  if (numbered.numbering === "none" || !Number.isSafeInteger(number)) counter.unnumbered++;
  else counter.runs.add(number, { leaf: Number(leaf_index), timeUs: Number(time_us) }, isStart);
}

/** Who sent a frame, and whether it is what a board sends when it starts. */
function frameFacts(bytes: Uint8Array): { readonly sender: string; readonly isStart: boolean } {
  const entry = decodeEntry(bytes);
  const frame = entry.ok && entry.value.kind === "reading" ? decodeMdpFrame(entry.value.payload) : undefined;
  if (!frame?.ok) return { sender: "", isStart: false };
  const { src, type, ack } = frame.value;
  return { sender: ` of ${src.toString(16).toUpperCase()}`, isStart: type === mdpTypes.HELLO && ack === 0 };
}

function view({ name, numbered, runs, messages, unnumbered }: Counter): GapReport["counters"][number] {
  const { numbering, why } = numbered;
  const hasGaps = numbering === "every_message";
  return {
    ...{ name, numbering, why, messages, unnumbered },
    missing: hasGaps ? runs.runs.reduce((sum, { missing }) => sum + missing, runs.earlier.missing) : null,
    runs: runs.runs.map(({ first, last, messages, missing, gaps, firstLeaf, lastLeaf, fromUs, untilUs }) => ({
      ...{ first, last, messages, firstLeaf, lastLeaf },
      from: new Date(fromUs / 1_000).toISOString(),
      until: new Date(untilUs / 1_000).toISOString(),
      missing: hasGaps ? missing : null,
      gaps: hasGaps ? [...gaps] : [],
    })),
    earlierRuns: hasGaps ? runs.earlier : { ...runs.earlier, missing: null },
  };
}
