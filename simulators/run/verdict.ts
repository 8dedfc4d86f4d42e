/** Is anything unaccounted for? What the books expect, against what the gateway counted and what its ledger holds. */
import type { Transport } from "../../src/ingest/upload.ts";
import type { Expected } from "../models/model.ts";
import type { Assertion } from "../scenario/schema.ts";
import type { Books, Range } from "./books.ts";
import type { Evidence } from "./evidence.ts";
import type { GatewayStats, TransportCounts } from "./gateway-api.ts";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, and where it failed what was expected. */
  readonly detail: string;
}

export interface Run {
  readonly before: GatewayStats;
  readonly after: GatewayStats;
  readonly books: Books;
  readonly evidence: Evidence;
  readonly devices: number;
  /** MAVLink frames, which are counted besides the messages they become. */
  readonly frames: { readonly sent: number; readonly counted: number };
}

const counts = ["stored", "duplicate", "quarantined", "rejected"] as const;
const nothing: TransportCounts = { received: 0, stored: 0, duplicate: 0, quarantined: 0, rejected: 0 };

export function judgeRun(run: Run, assertions: readonly Assertion[]): Check[] {
  return [
    conservation(run.after),
    ...transportChecks(run),
    ...reasonChecks(run),
    ...frameChecks(run.frames),
    ...evidenceChecks(run.evidence),
    ...assertions.map((assertion) => assertionCheck(run, assertion)),
  ];
}

/** received − in flight = stored + duplicate + quarantined + rejected, in total; and the total is the sum of the transports. */
function conservation({ byTransport, inFlight, ...total }: GatewayStats): Check {
  const settled = counts.reduce((sum, key) => sum + total[key], 0);
  const transports = Object.values(byTransport);
  const isSum = (["received", ...counts] as const).every(
    (key) => transports.reduce((sum, each) => sum + each[key], 0) === total[key],
  );
  const isBalanced = transports.every(
    (each) => inFlight > 0 || each.received === each.stored + each.duplicate + each.quarantined + each.rejected,
  );
  return {
    name: "received = stored + duplicate + quarantined + rejected",
    ok: inFlight === 0 && total.received === settled && isSum && isBalanced,
    detail: `${total.received} = ${counts.map((key) => total[key]).join(" + ")}, ${inFlight} in flight`,
  };
}

/** One check for each transport that was used, or that counted something. */
function transportChecks({ before, after, books, evidence }: Run): Check[] {
  const expected = books.expected();
  return (Object.keys(after.byTransport) as Transport[]).flatMap((transport): Check[] => {
    const was = before.byTransport[transport] ?? nothing;
    const is = after.byTransport[transport];
    const ranges = expected.get(transport) ?? new Map<Expected, Range>();
    const seen = Object.fromEntries(counts.map((key) => [key, is[key] - was[key]])) as Record<
      (typeof counts)[number],
      number
    >;
    // Entries of devices that are none of ours: others use this gateway too.
    seen.stored -= evidence.foreign.get(transport) ?? 0;
    const faults = counts.flatMap((key) => {
      const range = summed(ranges, (outcome) => outcome === key || outcome.startsWith(`${key} `));
      return contains(range, seen[key]) ? [] : [`${key} ${seen[key]}, expected ${rangeText(range)}`];
    });
    if (ranges.size === 0 && faults.length === 0) return [];
    return [
      {
        name: `${transport} as sent`,
        ok: faults.length === 0,
        detail: faults.length > 0 ? faults.join("; ") : counts.map((key) => `${seen[key]} ${key}`).join(", "),
      },
    ];
  });
}

function reasonChecks({ before, after, books }: Run): Check[] {
  const totals = new Map<Expected, Range>();
  for (const ranges of books.expected().values()) {
    for (const [outcome, { min, max }] of ranges) {
      const so = totals.get(outcome) ?? { min: 0, max: 0 };
      totals.set(outcome, { min: so.min + min, max: so.max + max });
    }
  }
  const kinds = [
    { kind: "quarantined", was: before.quarantineReasons, is: after.quarantineReasons },
    { kind: "rejected", was: before.rejectReasons, is: after.rejectReasons },
  ];
  return kinds.flatMap(({ kind, was, is }) => {
    const named = [...totals.keys()].filter((outcome) => outcome.startsWith(`${kind} `));
    const reasons = new Set([...Object.keys(is), ...named.map((outcome) => outcome.slice(kind.length + 1))]);
    return [...reasons].sort().flatMap((reason): Check[] => {
      const seen = countOf(is, reason) - countOf(was, reason);
      const range = totals.get(`${kind} ${reason}` as Expected) ?? { min: 0, max: 0 };
      const ok = contains(range, seen);
      if (ok && range.max === 0) return [];
      return [{ name: `${kind} as ${reason}`, ok, detail: ok ? `${seen}` : `${seen}, expected ${rangeText(range)}` }];
    });
  });
}

function frameChecks({ sent, counted }: Run["frames"]): Check[] {
  if (sent === 0) return [];
  return [{ name: "every MAVLink frame is counted", ok: sent === counted, detail: `${counted} of ${sent}` }];
}

function evidenceChecks({ found, missing, misfiled, named, unnamed, databaseLag, withoutReadings }: Evidence): Check[] {
  return [
    {
      name: "every accepted message is in the ledger, once",
      ok: missing.length === 0 && misfiled.length === 0,
      detail:
        [...missing.map((text) => `missing: ${text}`), ...misfiled].slice(0, 5).join("; ") ||
        `${found} found by the API`,
    },
    {
      name: "acknowledgements name the right entries",
      ok: unnamed.length === 0,
      detail: unnamed.slice(0, 5).join("; ") || `${named} named, with their leaf hashes`,
    },
    {
      name: "the database has what the ledger has",
      ok: databaseLag === 0 && withoutReadings.length === 0,
      detail:
        databaseLag > 0
          ? `${databaseLag} entries behind`
          : withoutReadings.length > 0
            ? `no readings of ${withoutReadings.slice(0, 5).join(", ")}`
            : "readings of every device",
    },
  ];
}

function assertionCheck(run: Run, { what, reason, min, max }: Assertion): Check {
  const seen = measure(run, what, reason);
  const bounds = [min === undefined ? "" : `at least ${min}`, max === undefined ? "" : `at most ${max}`];
  const wanted = bounds.filter((text) => text !== "").join(", ");
  return {
    name: `${what}${reason ? ` as ${reason}` : ""} ${wanted}`,
    ok: seen >= (min ?? Number.NEGATIVE_INFINITY) && seen <= (max ?? Number.POSITIVE_INFINITY),
    detail: String(Math.round(seen * 10) / 10),
  };
}

function measure({ before, after, books, devices }: Run, what: Assertion["what"], reason?: string): number {
  switch (what) {
    case "lost":
      return books.lost;
    case "devices":
      return devices;
    case "ackP50Ms":
      return percentile(books.latencies, 0.5);
    case "ackP99Ms":
      return percentile(books.latencies, 0.99);
    default: {
      const reasons = what === "quarantined" ? "quarantineReasons" : "rejectReasons";
      if (reason === undefined) return after[what] - before[what];
      return countOf(after[reasons], reason) - countOf(before[reasons], reason);
    }
  }
}

/** 0 where there is nothing to take it of. */
export function percentile(values: readonly number[], quantile: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0;
}

function countOf(reasons: Readonly<Record<string, number | undefined>>, reason: string): number {
  return reasons[reason] ?? 0;
}

function summed(ranges: ReadonlyMap<Expected, Range>, wanted: (outcome: Expected) => boolean): Range {
  let min = 0;
  let max = 0;
  for (const [outcome, range] of ranges) {
    if (!wanted(outcome)) continue;
    min += range.min;
    max += range.max;
  }
  return { min, max };
}

function contains({ min, max }: Range, value: number): boolean {
  return value >= min && value <= max;
}

function rangeText({ min, max }: Range): string {
  return min === max ? String(min) : `${min} to ${max}`;
}
