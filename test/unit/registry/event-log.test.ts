import { afterEach, beforeEach, expect, test } from "vitest";
import type { EventQuery } from "../../../gateway/http/services.ts";
import type { Ledger } from "../../../gateway/journal/ledger.ts";
import { EventLog } from "../../../gateway/registry/event-log.ts";
import { replayEvents } from "../../../gateway/registry/replay-events.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import type { EventEntry } from "../../../src/ledger/types.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { openLedger } from "../../support/ledger-workload.ts";

const event = (type: string, seconds: number, device?: string): EventEntry => ({
  kind: "event",
  type,
  receivedUs: seconds * 1_000_000,
  body: new Map(device === undefined ? [] : [["id", device]]),
});

let files: FaultyFiles;
let ledger: Ledger;
let log: EventLog;
beforeEach(async () => {
  files = new FaultyFiles();
  ledger = await openLedger(files);
  log = new EventLog(ledger);
  const reading = entryBatch([Buffer.from("a reading")], false);
  await new Promise<void>((resolve, reject) => ledger.append(reading, (error) => (error ? reject(error) : resolve())));
  for (const entry of [
    event("device.enrolled", 10, "oak"),
    event("device.enrolled", 20, "elm"),
    event("devices.counted", 30),
    event("device.revoked", 40, "oak"),
  ])
    await log.append(entry);
});
afterEach(() => ledger.close());

async function leaves(query: Partial<EventQuery> = {}): Promise<[number[], string | null]> {
  const { data, next } = await log.list({ limit: 10, order: "asc", ...query });
  return [data.map(({ leafIndex }) => leafIndex), next];
}

const expectAll = async () => {
  expect(await leaves()).toEqual([[1, 2, 3, 4], null]);
  expect(await leaves({ order: "desc" })).toEqual([[4, 3, 2, 1], null]);
  expect(await leaves({ type: "device" })).toEqual([[1, 2, 4], null]);
  expect(await leaves({ type: "device.revoked" })).toEqual([[4], null]);
  expect(await leaves({ device: "oak" })).toEqual([[1, 4], null]);
  expect(await leaves({ from: new Date(20_000), to: new Date(40_000) })).toEqual([[2, 3], null]);
};

test("events are found by type, kind, device and time, among readings", expectAll);

test("after a restart they are found as before", async () => {
  await ledger.close();
  ledger = await openLedger(files);
  log = new EventLog(ledger);
  await replayEvents(ledger, log);
  await expectAll();
});

test.each(["asc", "desc"] as const)(
  "pages in order %s have each event once, also when events come between",
  async (order) => {
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const [page, next] = await leaves({ order, limit: 1, cursor });
      seen.push(...page);
      cursor = next ?? undefined;
      if (seen.length === 2) await log.append(event("device.enrolled", 50, "ash"));
    } while (cursor !== undefined);
    expect(seen).toEqual(order === "asc" ? [1, 2, 3, 4, 5] : [4, 3, 2, 1]);
  },
);

test("a cursor that is none is refused", async () => {
  await expect(leaves({ cursor: "x" })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
});
