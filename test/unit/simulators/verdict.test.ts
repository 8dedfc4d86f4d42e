/** The accounting must notice a gateway that miscounts: every counter, in either direction. */
import { describe, expect, test } from "vitest";
import type { Expected, Outgoing } from "../../../simulators/models/model.ts";
import { Books } from "../../../simulators/run/books.ts";
import type { Evidence } from "../../../simulators/run/evidence.ts";
import { collectEvidence } from "../../../simulators/run/evidence.ts";
import type { GatewayApi, GatewayStats, LedgerEntry } from "../../../simulators/run/gateway-api.ts";
import { judgeRun } from "../../../simulators/run/verdict.ts";
import { transports } from "../../../src/ingest/upload.ts";

const zero = { received: 0, stored: 0, duplicate: 0, quarantined: 0, rejected: 0 };

function statsOf(mqtt: Partial<typeof zero>, reasons: object = {}): GatewayStats {
  const counts = { ...zero, ...mqtt };
  return {
    ...counts,
    treeSize: counts.stored,
    durableSize: counts.stored,
    inFlight: 0,
    byTransport: {
      ...(Object.fromEntries(transports.map((name) => [name, zero])) as GatewayStats["byTransport"]),
      mqtt: counts,
    },
    quarantineReasons: {},
    rejectReasons: {},
    databaseCursor: counts.stored,
    ...reasons,
  };
}

const frames = { sent: 0, counted: 0 };
const fine: Evidence = {
  found: 1,
  missing: [],
  misfiled: [],
  named: 0,
  unnamed: [],
  foreign: new Map(),
  databaseLag: 0,
  withoutReadings: [],
};

function message(expected: Expected, again: Expected, text = expected): Outgoing {
  const bytes = Buffer.from(text);
  return { bytes, expect: [expected], again: [again], evidence: expected === "stored" ? [bytes] : [], signed: true };
}

/** One stored and its duplicate, one refused for its signature, one rejected. */
function books(): Books {
  const kept = new Books();
  const stored = message("stored", "duplicate");
  for (const each of [
    stored,
    stored,
    message("quarantined SIGNATURE_INVALID", "quarantined SIGNATURE_INVALID"),
    message("rejected TEXT_LINE", "rejected TEXT_LINE"),
  ]) {
    kept.sent(each, "dev", "mqtt");
    kept.delivered(each, 1);
  }
  return kept;
}

const right = { received: 4, stored: 1, duplicate: 1, quarantined: 1, rejected: 1 };
const rightReasons = { quarantineReasons: { SIGNATURE_INVALID: 1 }, rejectReasons: { TEXT_LINE: 1 } };
const judge = (after: GatewayStats, evidence = fine) =>
  judgeRun({ before: statsOf({}), after, books: books(), evidence, devices: 1, frames }, []);
const failures = (after: GatewayStats, evidence = fine) =>
  judge(after, evidence)
    .filter(({ ok }) => !ok)
    .map(({ name }) => name);

describe("the verdict", () => {
  test("is good where everything adds up", () => {
    expect(failures(statsOf(right, rightReasons))).toEqual([]);
  });

  test.each((Object.keys(right) as (keyof typeof right)[]).flatMap((key) => [[key, 1] as const, [key, -1] as const]))(
    "finds %s off by %i",
    (key, by) => {
      expect(failures(statsOf({ ...right, [key]: right[key] + by }, rightReasons))).not.toEqual([]);
    },
  );

  test("finds a message that was counted as another kind, though the sum is right", () => {
    expect(failures(statsOf({ ...right, stored: 2, duplicate: 0 }, rightReasons))).toContain("mqtt as sent");
  });

  test("finds a reason that is another", () => {
    const after = statsOf(right, { ...rightReasons, quarantineReasons: { HASH_MISMATCH: 1 } });
    expect(failures(after)).toEqual(["quarantined as HASH_MISMATCH", "quarantined as SIGNATURE_INVALID"]);
  });

  test("finds what another transport counted and nobody sent", () => {
    const after = statsOf(right, rightReasons);
    const ws = { ...zero, received: 1, duplicate: 1 };
    expect(failures({ ...after, received: 5, duplicate: 2, byTransport: { ...after.byTransport, ws } })).toEqual([
      "ws as sent",
    ]);
  });

  test("allows a copy on a cut link to have come or not, and no more", () => {
    const unsure = (): Books => {
      const kept = books();
      const resent = message("stored", "duplicate", "resent" as Expected);
      kept.sent(resent, "dev", "mqtt");
      kept.sent(resent, "dev", "mqtt");
      kept.delivered(resent, 1);
      return kept;
    };
    const passes = (duplicate: number): boolean =>
      judgeRun(
        {
          before: statsOf({}),
          after: statsOf({ ...right, received: 4 + duplicate, stored: 2, duplicate }, rightReasons),
          books: unsure(),
          evidence: fine,
          devices: 1,
          frames,
        },
        [],
      ).every(({ ok, name }) => ok || name.startsWith("received"));
    expect([0, 1, 2, 3].map(passes)).toEqual([false, true, true, false]);
  });

  test("checks the scenario's own assertions", () => {
    const checks = judgeRun(
      { before: statsOf({}), after: statsOf(right, rightReasons), books: books(), evidence: fine, devices: 1, frames },
      [
        { what: "stored", min: 2 },
        { what: "quarantined", reason: "SIGNATURE_INVALID", min: 1, max: 1 },
        { what: "ackP99Ms", max: 0.5 },
      ],
    );
    expect(checks.slice(-3).map(({ ok }) => ok)).toEqual([false, true, false]);
  });
});

describe("the ledger read back", () => {
  const entryOf = (text: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
    kind: "reading",
    deviceId: "dev",
    verification: "verified",
    source: "mqtt",
    format: "envelope",
    payload: Buffer.from(text).toString("base64"),
    leafHash: "00",
    ...more,
  });
  const read = (entries: (LedgerEntry | undefined)[], kept = books(), isPrivate = true) =>
    collectEvidence(
      { entry: async (index) => entries[index], hasReadings: async () => true } as Partial<GatewayApi> as GatewayApi,
      kept,
      { from: 0, to: entries.length, databaseLag: 0, isPrivate },
    );

  test("has each accepted message once", async () => {
    expect(await read([entryOf("stored")])).toMatchObject({ found: 1, missing: [], misfiled: [] });
  });

  test.each([
    ["lacks it", []],
    ["has it twice", [entryOf("stored"), entryOf("stored")]],
    ["has other bytes", [entryOf("stolen")]],
    ["has it under another device", [entryOf("stored", { deviceId: "other" })]],
    ["calls it attested", [entryOf("stored", { verification: "attested" })]],
    ["has a hole", [entryOf("stored"), undefined]],
  ])("is refused where it %s", async (_what, entries) => {
    const evidence = await read(entries as LedgerEntry[]);
    expect(failures(statsOf(right, rightReasons), evidence)).toContain("every accepted message is in the ledger, once");
  });

  test("is refused where an acknowledgement names an entry of somebody else", async () => {
    const kept = books();
    kept.named({ leafIndex: 1, leafHash: "00" }, "dev");
    const evidence = await read([entryOf("stored"), entryOf("x", { deviceId: "other" })], kept, false);
    expect(evidence.unnamed).toHaveLength(1);
  });

  test("is refused where an acknowledgement has another leaf hash", async () => {
    const kept = books();
    kept.named({ leafIndex: 0, leafHash: "01" }, "dev");
    expect((await read([entryOf("stored")], kept)).unnamed).toHaveLength(1);
    expect((await read([entryOf("stored", { leafHash: "01" })], kept)).unnamed).toEqual([]);
  });

  test("may say how an entry of ours was received by radio, and of no other", async () => {
    const heard = (leaf: number): LedgerEntry => entryOf(JSON.stringify({ leaf }), { source: "lorawan:sim" });
    expect((await read([entryOf("stored"), heard(0)])).misfiled).toEqual([]);
    expect((await read([entryOf("stored"), heard(7)])).misfiled).toHaveLength(1);
  });

  test("may hold entries of others where the gateway is not ours alone", async () => {
    const others = [entryOf("stored"), entryOf("x", { deviceId: "other", source: "serial:ttyACM0" })];
    expect((await read(others, books(), false)).foreign).toEqual(new Map([["serial", 1]]));
    expect((await read(others, books(), true)).misfiled).toHaveLength(1);
  });
});
