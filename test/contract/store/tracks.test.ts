import type { ClientConfig } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TrackPoint } from "../../../gateway/http/services.ts";
import { CopySession } from "../../../gateway/store/copy-session.ts";
import { Database } from "../../../gateway/store/database.ts";
import { DatabaseTracks } from "../../../gateway/store/tracks.ts";
import type { ReadingEntry } from "../../../src/ledger/types.ts";
import { encodeMavlinkFrame } from "../../../src/mavlink/frame.ts";
import { signedEnvelope, testDevice } from "../../support/envelopes.ts";
import { log, receivedUs, runOf, startServer, type TestServer, telemetry } from "./support.ts";

let server: TestServer;
let database: Database;
let tracks: DatabaseTracks;

const globalPositionInt = 33;

function flight(second: number, latE7: number, lonE7: number, deviceId = "drone"): ReadingEntry {
  const fields = new DataView(new ArrayBuffer(28));
  fields.setInt32(4, latE7, true);
  fields.setInt32(8, lonE7, true);
  fields.setInt32(12, 100_250 + second, true);
  const payload = encodeMavlinkFrame({
    seq: second,
    system: 1,
    component: 1,
    messageId: globalPositionInt,
    payload: new Uint8Array(fields.buffer),
  });
  return { ...telemetry({}), payload, format: "mavlink", deviceId, receivedUs: receivedUs + second * 1e6 };
}

beforeAll(async () => {
  server = await startServer();
  const config: ClientConfig = await server.freshSchema();
  database = new Database({
    source: { open: async () => config, close: async () => undefined },
    ledgerOrigin: "o",
    log,
  });
  database.start();
  await new Promise((resolve) => database.onReady(resolve));
  tracks = new DatabaseTracks(database);
  const session = await CopySession.open(config);
  const carried = testDevice("carried");
  const geo = { latE7: 10, lonE7: -20, accM: 5 };
  const envelope = signedEnvelope(carried, { geo, epochMs: Math.floor(receivedUs / 1000) });
  session.add(
    runOf(0, [
      flight(3, 300, 301),
      flight(1, 100, 101),
      telemetry({ pack: [{ id: "t", v: 1 }] }, { deviceId: "drone" }),
      // Without a fix an autopilot says 0, 0.
      flight(2, 0, 0),
      flight(2, 200, 201, "other"),
      flight(1, 110, 111),
      { ...telemetry({}), payload: envelope, format: "envelope", deviceId: "carried", keyEpoch: 1 },
    ]),
  );
  await session.commit();
  await session.close();
});
afterAll(async () => {
  await database.stop();
  await server.stop();
});

async function all(device: string, limit: number): Promise<TrackPoint[]> {
  const points: TrackPoint[] = [];
  let cursor: string | undefined;
  do {
    const page = await tracks.track({ device, limit, cursor });
    points.push(...page.points);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return points;
}

test.each([1, 2, 3, 10])(
  "pages of %i hold the device's positions in order of time, and nothing else",
  async (limit) => {
    const points = await all("drone", limit);
    expect(points.map(({ latE7, lonE7, leafIndex }) => [latE7, lonE7, leafIndex])).toEqual([
      [100, 101, 1],
      [110, 111, 5],
      [300, 301, 0],
    ]);
    expect(points[0]).toMatchObject({ altitudeM: 100.251, verification: "attested", timeSource: "gateway" });
  },
);

test("an envelope's position counts as much, with its accuracy and its signature", async () => {
  expect(await all("carried", 10)).toMatchObject([
    { latE7: 10, lonE7: -20, accuracyM: 5, altitudeM: undefined, verification: "verified", timeSource: "device" },
  ]);
});

test("a span of time takes its beginning and not its end; nobody has been nowhere", async () => {
  const at = (second: number): Date => new Date(Math.floor(receivedUs / 1000) + second * 1000);
  const { points } = await tracks.track({ device: "drone", from: at(1), to: at(3), limit: 10 });
  expect(points.map(({ leafIndex }) => leafIndex)).toEqual([1, 5]);
  expect(await all("nobody", 10)).toEqual([]);
  await expect(tracks.track({ device: "drone", limit: 1, cursor: "bm8" })).rejects.toThrow("not given out");
});
