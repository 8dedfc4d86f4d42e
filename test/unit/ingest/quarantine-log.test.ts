import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterEach, expect, test } from "vitest";
import { type QuarantineLimits, QuarantineLog } from "../../../gateway/ingest/quarantine-log.ts";
import { SegmentedLog } from "../../../gateway/journal/segmented-log.ts";

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

const roomy = { maxItems: 1_000, maxBytes: 2 ** 24, maxAgeDays: 30 };
const log = pino({ level: "silent" });
const dayUs = 86_400_000_000;

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "mycogate-quarantine-"));
  dirs.push(dir);
  return dir;
}

async function open(dir: string, limits: QuarantineLimits = roomy, segmentBytes = 2 ** 20): Promise<QuarantineLog> {
  const onFatal = (error: Error): never => {
    throw error;
  };
  return QuarantineLog.open(await SegmentedLog.open({ dir, log, segmentBytes, onFatal }), limits);
}

function add(quarantine: QuarantineLog, payload: Uint8Array, receivedUs = dayUs): Promise<number | undefined> {
  const upload = { transport: "mqtt", format: "envelope", payload, deviceId: "d", source: "mqtt" } as const;
  return new Promise((resolve, reject) => {
    quarantine.add({ upload, receivedUs, reason: "UNKNOWN_DEVICE", detail: "d is not enrolled" }, (error, id) =>
      error ? reject(error) : resolve(id),
    );
  });
}

const all = (quarantine: QuarantineLog) => quarantine.list(1_000, -1, () => true).map(({ id }) => id);

test("items, also ones longer than a log entry, are there byte for byte after a restart", async () => {
  const dir = newDir();
  const payloads = [0, 1, 59_999, 60_000, 60_001, 180_000].map((length) => Buffer.alloc(length, length % 251));
  const before = await open(dir);
  const ids = await Promise.all(payloads.map((payload) => add(before, payload)));
  await before.close();

  const after = await open(dir);
  expect(all(after)).toEqual(ids);
  for (const [index, payload] of payloads.entries()) {
    const item = await after.read(ids[index]!);
    expect(Buffer.from(item!.upload.payload).equals(payload)).toBe(true);
    expect(item!.receivedUs).toBe(dayUs);
  }
  await after.close();
});

test("what was released or removed stays away after a restart", async () => {
  const dir = newDir();
  const before = await open(dir);
  const [first, second, third] = [
    await add(before, Buffer.of(1)),
    await add(before, Buffer.of(2)),
    await add(before, Buffer.of(3)),
  ];
  expect(await before.end(first!, "released")).toBe(true);
  expect(await before.end(second!, "removed")).toBe(true);
  expect(await before.end(second!, "removed")).toBe(false);
  await before.close();
  const after = await open(dir);
  expect(all(after)).toEqual([third]);
  expect(await after.read(first!)).toBeUndefined();
  await after.close();
});

test("a full quarantine keeps what it has and refuses more, by count and by bytes", async () => {
  const byCount = await open(newDir(), { ...roomy, maxItems: 2 });
  expect([
    await add(byCount, Buffer.of(1)),
    await add(byCount, Buffer.of(2)),
    await add(byCount, Buffer.of(3)),
  ]).toEqual([0, 1, undefined]);
  await byCount.end(0, "removed");
  expect(await add(byCount, Buffer.of(4))).toBeTypeOf("number");
  await byCount.close();

  const byBytes = await open(newDir(), { ...roomy, maxBytes: 100 });
  expect([await add(byBytes, Buffer.alloc(100)), await add(byBytes, Buffer.of(1))]).toEqual([0, undefined]);
  await byBytes.close();
});

test("old items expire, and their segments leave the disk", async () => {
  const dir = newDir();
  const quarantine = await open(dir, { ...roomy, maxAgeDays: 2 }, 10_000);
  for (let day = 0; day < 10; day++) await add(quarantine, Buffer.alloc(6_000, day), day * dayUs);
  const segments = readdirSync(dir).filter((name) => name.endsWith(".wal")).length;
  expect(await quarantine.expire(10 * dayUs)).toBe(8);
  expect(all(quarantine)).toHaveLength(2);
  expect(readdirSync(dir).filter((name) => name.endsWith(".wal")).length).toBeLessThan(segments);
  await quarantine.close();
});

test("a listing is filtered and cut, and goes on after the last id it gave", async () => {
  const quarantine = await open(newDir());
  for (let index = 0; index < 5; index++) await add(quarantine, Buffer.of(index));
  const odd = quarantine.list(1, 1, ({ id }) => id % 2 === 1);
  expect(odd.map(({ id }) => id)).toEqual([3]);
  await quarantine.close();
});
