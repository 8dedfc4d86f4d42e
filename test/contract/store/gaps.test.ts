import type { ClientConfig } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CopySession } from "../../../gateway/store/copy-session.ts";
import { Database } from "../../../gateway/store/database.ts";
import { DatabaseGaps } from "../../../gateway/store/gaps.ts";
import { mdpTypes } from "../../../protocol/spec.ts";
import { encodeMdpFrame } from "../../../src/codec/mdp.ts";
import type { ReadingEntry } from "../../../src/ledger/types.ts";
import { signedEnvelope, testDevice } from "../../support/envelopes.ts";
import { telemetry as frame } from "../../support/serial-boards.ts";
import { log, receivedUs, runOf, startServer, type TestServer, telemetry, withClient } from "./support.ts";

let server: TestServer;
let database: Database;
let gaps: DatabaseGaps;
let config: ClientConfig;
let leaves = 0;

const minuteMs = 60_000;
const startMs = Math.floor(receivedUs / 1_000) - 600 * minuteMs;

const carried = testDevice("carried");
/** Number `seq`, made at minute `seq`, whenever it came in. */
const envelope = (seq: number, epochMs = startMs + seq * minuteMs): ReadingEntry => ({
  ...telemetry({}),
  payload: signedEnvelope(carried, { seq, epochMs }),
  format: "envelope",
  deviceId: "carried",
  keyEpoch: 1,
});
const board = (payload: Uint8Array, second: number): ReadingEntry => ({
  ...telemetry({}),
  payload,
  format: "mdp-b",
  deviceId: "board",
  receivedUs: receivedUs + second * 1e6,
});
const hello = (seq: number, ack: number, src = 0xa1): Uint8Array =>
  encodeMdpFrame({
    ...{ type: mdpTypes.HELLO, seq, ack, src, dst: 0xc0 },
    body: Buffer.from('{"device_id":"b","role":"mushroom1","firmware_version":"side-a-mdp-2.1.0"}'),
  });

async function copy(entries: readonly ReadingEntry[]): Promise<void> {
  const session = await CopySession.open(config);
  session.add(runOf(leaves, entries));
  leaves += entries.length;
  await session.commit();
  await session.close();
}

const missing = async (device: string, from?: Date, to?: Date) =>
  (await gaps.gaps({ device, from, to })).counters.map(({ name, missing, runs }) => [
    name,
    missing,
    runs.map((run) => [run.first, run.last, run.gaps.map((gap) => `${gap.from}-${gap.to}`).join(" ")]),
  ]);

beforeAll(async () => {
  server = await startServer();
  config = await server.freshSchema();
  database = new Database({
    source: { open: async () => config, close: async () => undefined },
    ledgerOrigin: "o",
    log,
  });
  database.start();
  await new Promise((resolve) => database.onReady(resolve));
  gaps = new DatabaseGaps(database);
});
afterAll(async () => {
  await database.stop();
  await server.stop();
});

test("what a device with a clock sends late is in its place, and the report says up to which leaf it goes", async () => {
  await copy([1, 2, 5, 9].map((seq) => envelope(seq)));
  expect(await missing("carried")).toEqual([["envelope", 5, [[1, 9, "3-4 6-8"]]]]);
  await copy([4, 7].map((seq) => envelope(seq)));
  expect(await missing("carried")).toEqual([["envelope", 3, [[1, 9, "3-3 6-6 8-8"]]]]);
  expect(await gaps.gaps({ device: "carried" })).toMatchObject({ upToLeaf: leaves, isComplete: true });
  // The middle of it.
  const [from, to] = [5, 9].map((minute) => new Date(startMs + minute * minuteMs));
  expect(await missing("carried", from, to)).toEqual([["envelope", 1, [[5, 7, "6-6"]]]]);
});

test("a device that lost its counter, but not its clock, begins another run", async () => {
  await copy([1, 2, 4].map((seq) => envelope(seq, startMs + (100 + seq) * minuteMs)));
  expect(await missing("carried")).toEqual([
    [
      "envelope",
      4,
      [
        [1, 9, "3-3 6-6 8-8"],
        [1, 4, "3-3"],
      ],
    ],
  ]);
});

test("the sides of a board count for themselves, and a HELLO that answers nothing is a start", async () => {
  await copy([
    board(hello(1, 0), 0),
    board(frame(2), 1),
    board(frame(5), 2),
    board(frame(7, 0, 0xb1), 3),
    board(frame(8, 0, 0xb1), 4),
    // The answer to a command, and then a start while numbers below are missing.
    board(hello(6, 33), 5),
    board(hello(3, 0), 6),
    board(frame(4), 7),
  ]);
  expect(await missing("board")).toEqual([
    [
      "mdp-b of A1",
      2,
      [
        [1, 6, "3-4"],
        [3, 4, ""],
      ],
    ],
    ["mdp-b of B1", 0, [[7, 8, ""]]],
  ]);
});

test("numbers with holes by design, and messages without number, say so and name no gaps", async () => {
  const legacy = Buffer.alloc(188);
  legacy.set([0x5a, 0xa1, 1, 1]);
  const packed = (seq: number): ReadingEntry => ({
    ...telemetry({}),
    payload: encodeMdpFrame({ type: mdpTypes.TELEMETRY, seq, src: 0xa1, dst: 0xb1, body: legacy }),
    format: "mdp-a",
    deviceId: "old",
  });
  const lines = ["field", "line-field"] as const;
  const link = telemetry({}, { format: "link", deviceId: "old", payload: Buffer.from("{}") });
  await copy([packed(1), packed(9), link, telemetry({}, { deviceId: lines[0], format: lines[1] })]);
  const old = await gaps.gaps({ device: "old" });
  expect(old.counters).toMatchObject([
    {
      name: "mdp-a",
      numbering: "holes_by_design",
      why: expect.stringContaining("two links"),
      messages: 2,
      missing: null,
    },
  ]);
  expect(old.counters[0]!.runs).toMatchObject([{ first: 1, last: 9, missing: null, gaps: [] }]);
  expect((await gaps.gaps({ device: "field" })).counters).toMatchObject([
    { name: "lines", numbering: "none", messages: 1, unnumbered: 1, missing: null, runs: [] },
  ]);
  expect((await gaps.gaps({ device: "nobody" })).counters).toEqual([]);
});

test("more messages than a page, and those that are only copied in part", async () => {
  const numbers = Array.from({ length: 5_100 }, (_, index) => index + 1).filter((seq) => seq % 1_000 !== 0);
  const many = (seq: number): ReadingEntry =>
    telemetry({ seq, pack: [{ id: "t", v: 1 }] }, { deviceId: "many", receivedUs: receivedUs + seq });
  await copy(numbers.map(many));
  expect(await missing("many")).toEqual([
    ["telemetry", 5, [[1, 5_100, "1000-1000 2000-2000 3000-3000 4000-4000 5000-5000"]]],
  ]);
  await withClient(config, (client) =>
    client.query("UPDATE tailer_cursors SET leaf_index = leaf_index - 50 WHERE name = 'entries'"),
  );
  expect(await missing("many")).toMatchObject([["telemetry", 5, [[1, 5_050, expect.any(String)]]]]);
});
