import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { diskFiles } from "../../../gateway/journal/disk-files.ts";
import type { FilePort, OpenFile } from "../../../gateway/journal/file-port.ts";
import type { Outcome } from "../../../src/ingest/upload.ts";
import { decodeEntry } from "../../../src/ledger/entry.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { signedEnvelope, testDevice } from "../../support/envelopes.ts";
import { IngestBench, maxPendingBytes } from "../../support/ingest-bench.ts";

const alice = testDevice("alice");
const bob = testDevice("bob");

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "mycogate-ingest-"));
  dirs.push(dir);
  return dir;
}

async function enrolled(dir: string, files?: FilePort): Promise<IngestBench> {
  const bench = await IngestBench.open(dir, files);
  for (const { id, publicKey } of [alice, bob]) await bench.registry.enrol({ id, publicKey });
  return bench;
}

test("an accepted upload is in the ledger, byte for byte, when its outcome is told", async () => {
  const bench = await enrolled(newDir());
  const payload = signedEnvelope(alice);
  const outcome = await bench.send(payload);
  expect(outcome).toMatchObject({ kind: "stored", leafIndex: 2, message: { deviceId: "alice", seq: 1 } });
  expect(bench.ledger.durableSize).toBeGreaterThan(2);
  expect((await bench.payloadAt(2)).equals(payload)).toBe(true);
  if (outcome.kind !== "stored") throw new Error("unreachable");
  expect(Buffer.from(outcome.leafHash).equals(leafHash((await bench.ledger.readEntry(2))!))).toBe(true);
  await bench.close();
});

test("a repeat is told the leaf index and hash of the original: at once, behind it, and after a restart", async () => {
  const dir = newDir();
  const bench = await enrolled(dir);
  const payload = signedEnvelope(alice);
  const [first, together] = await Promise.all([bench.send(payload), bench.send(payload)]);
  const later = await bench.send(payload);
  expect(first).toMatchObject({ kind: "stored", leafIndex: 2 });
  for (const repeat of [together, later])
    expect(repeat).toMatchObject({ kind: "duplicate", leafIndex: 2, leafHash: expect.anything() });
  await bench.close();

  const restarted = await IngestBench.open(dir);
  expect(await restarted.send(payload)).toMatchObject({ kind: "duplicate", leafIndex: 2 });
  expect(await restarted.send(signedEnvelope(alice, { seq: 2 }))).toMatchObject({ kind: "stored", leafIndex: 3 });
  await restarted.close();
});

test("other bytes under the same device, seq and msgId are a conflict", async () => {
  const bench = await enrolled(newDir());
  await bench.send(signedEnvelope(alice));
  const other = signedEnvelope(alice, { readings: [{ sensor: 1, vi: 999, vs: 1, unit: 1, quality: 0 }] });
  expect(await bench.send(other)).toMatchObject({ kind: "quarantined", reason: "REPLAY_CONFLICT" });
  await bench.close();
});

test("leaf order is arrival order through many batches and both workers", async () => {
  const bench = await enrolled(newDir());
  const count = 3_000;
  const outcomes = await Promise.all(
    Array.from({ length: count }, (_, seq) => bench.send(signedEnvelope(alice, { seq }))),
  );
  const seals = await bench.seals();
  expect(seals.length).toBeGreaterThan(5);
  const leaves = Array.from({ length: count + 2 + seals.length }, (_, index) => index);
  expect(outcomes.map((outcome) => outcome.kind === "stored" && outcome.leafIndex)).toEqual(
    leaves.slice(2).filter((leafIndex) => !seals.includes(leafIndex)),
  );
  await bench.close();
});

test("received = stored + duplicate + quarantined + rejected, whatever arrives", async () => {
  const bench = await enrolled(newDir());
  const payloads = Array.from({ length: 2_000 }, (_, index) => {
    const payload = Buffer.from(signedEnvelope(index % 3 === 0 ? bob : alice, { seq: index % 500 }));
    if (index % 7 === 0) payload[index % payload.length]! ^= 1 + (index % 255);
    return index % 11 === 0 ? payload.subarray(0, index % 200) : payload;
  });
  const outcomes = await Promise.all(
    payloads.map((payload, index) => bench.send(payload, index % 13 === 0 ? { deviceId: "bob" } : {})),
  );
  // Duplicates and refusals leave holes in a batch; what remains must still be hashed and numbered as itself.
  for (const outcome of outcomes) {
    if (outcome.kind !== "stored" && outcome.kind !== "duplicate") continue;
    const entry = (await bench.ledger.readEntry(outcome.leafIndex))!;
    expect(Buffer.from(outcome.leafHash).equals(leafHash(entry))).toBe(true);
  }
  bench.ingest.reject("mqtt", "TOPIC_DENIED");
  const { received, stored, duplicate, quarantined, rejected } = bench.counters.total;
  expect(bench.ingest.inFlight).toBe(0);
  expect(received).toBe(2_001);
  expect(stored + duplicate + quarantined + rejected).toBe(received);
  expect(rejected).toBe(1);
  for (const some of [stored, duplicate, quarantined]) expect(some).toBeGreaterThan(100);
  expect(bench.quarantine.count).toBe(quarantined);
  expect(bench.ledger.size).toBe(stored + 2 + (await bench.seals()).length);
  await bench.close();
});

test("a decision about a device holds for everything sent after it", async () => {
  const bench = await enrolled(newDir());
  const before = bench.send(signedEnvelope(alice, { seq: 1 }));
  await bench.registry.revoke("alice", "test");
  expect(await bench.send(signedEnvelope(alice, { seq: 2 }))).toMatchObject({
    kind: "quarantined",
    reason: "DEVICE_REVOKED",
  });
  expect(await before).toMatchObject({ kind: "stored" });
  await bench.close();
});

test("a released message enters the ledger with the time it was received, and once only", async () => {
  const dir = newDir();
  const bench = await IngestBench.open(dir);
  const payload = signedEnvelope(alice);
  const outcome = await bench.send(payload);
  if (outcome.kind !== "quarantined") throw new Error("not quarantined");
  const receivedAt = bench.desk.list({ limit: 10 }).data[0]!.receivedAt;
  await expect(bench.desk.release(outcome.id)).rejects.toMatchObject({ code: "RELEASE_REFUSED" });
  await bench.registry.enrol({ id: "alice", publicKey: alice.publicKey });
  const { leafIndex } = await bench.desk.release(outcome.id);
  const entry = decodeEntry((await bench.ledger.readEntry(leafIndex))!);
  expect(entry).toMatchObject({ value: { kind: "reading", keyEpoch: 1, receivedUs: Date.parse(receivedAt) * 1000 } });
  await expect(bench.desk.release(outcome.id)).rejects.toMatchObject({ code: "QUARANTINE_NOT_FOUND" });
  expect(await bench.send(payload)).toMatchObject({ kind: "duplicate", leafIndex });
  const { received, stored, duplicate, quarantined } = bench.counters.total;
  expect({ received, stored, duplicate, quarantined }).toEqual({
    received: 2,
    stored: 0,
    duplicate: 1,
    quarantined: 1,
  });
  await bench.close();
});

/** A disk that can be full. */
class FillingDisk implements FilePort {
  full = false;
  readonly #files = diskFiles;
  async open(path: string, mode: "read" | "update" | "replace"): Promise<OpenFile> {
    const file = await this.#files.open(path, mode);
    const write: OpenFile["write"] = async (pieces, position) => {
      if (this.full) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      await file.write(pieces, position);
    };
    return new Proxy(file, { get: (target, key) => (key === "write" ? write : bound(target, key)) });
  }
  rename = (from: string, to: string) => this.#files.rename(from, to);
  unlink = (path: string) => this.#files.unlink(path);
  list = (dir: string) => this.#files.list(dir);
  makeDirectory = (dir: string) => this.#files.makeDirectory(dir);
  syncDirectory = (dir: string) => this.#files.syncDirectory(dir);
}

function bound(target: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key);
  return typeof value === "function" ? value.bind(target) : value;
}

test("while the disk is full nothing is acknowledged, and a message sent again afterwards is stored, not called a duplicate", async () => {
  const disk = new FillingDisk();
  const bench = await enrolled(newDir(), disk);
  disk.full = true;
  const payloads = [1, 2, 3].map((seq) => signedEnvelope(alice, { seq }));
  for (const payload of payloads) await expect(bench.send(payload)).rejects.toMatchObject({ code: "DISK_FULL" });
  expect(bench.ledger.durableSize).toBe(2);
  expect(await bench.ledger.readEntry(1)).toBeDefined();
  expect(bench.counters.total.received).toBe(0);
  disk.full = false;
  await expect.poll(() => bench.ledger.state).toBe("open");
  for (const payload of payloads) expect(await bench.send(payload)).toMatchObject({ kind: "stored" });
  await bench.close();
});

test("a clock set back changes receive times and nothing else: leaf order is arrival order, repeats are known, keys hold", async () => {
  let now = 2_000_000_000_000_000;
  const dir = newDir();
  const bench = await IngestBench.open(dir, diskFiles, () => now);
  await bench.registry.enrol({ id: "alice", publicKey: alice.publicKey });
  const before = signedEnvelope(alice, { seq: 1 });
  expect(await bench.send(before)).toMatchObject({ kind: "stored", leafIndex: 1 });
  now -= 86_400_000_000;
  expect(await bench.send(signedEnvelope(alice, { seq: 2 }))).toMatchObject({ kind: "stored", leafIndex: 2 });
  expect(await bench.send(before)).toMatchObject({ kind: "duplicate", leafIndex: 1 });
  const entry = decodeEntry((await bench.ledger.readEntry(2))!);
  expect(entry).toMatchObject({ value: { receivedUs: now } });
  await bench.close();
  const restarted = await IngestBench.open(dir, diskFiles, () => now);
  expect(await restarted.send(before)).toMatchObject({ kind: "duplicate", leafIndex: 1 });
  await restarted.close();
});

test("there is no room while as many bytes as may are without an outcome, and room again when half of them have one", async () => {
  const bench = await enrolled(newDir());
  const { ingest } = bench;
  let told = 0;
  ingest.onRoom(() => told++);
  const sent: Promise<Outcome>[] = [];
  while (ingest.hasRoom) sent.push(bench.send(signedEnvelope(alice, { seq: sent.length })));
  expect(ingest.pendingBytes).toBeGreaterThanOrEqual(maxPendingBytes);
  expect(told).toBe(0);
  await Promise.all(sent);
  expect({ told, hasRoom: ingest.hasRoom, pendingBytes: ingest.pendingBytes }).toEqual({
    told: 1,
    hasRoom: true,
    pendingBytes: 0,
  });
  await bench.close();
});

test("stopping finishes what was taken in and takes no more", async () => {
  const bench = await enrolled(newDir());
  const taken = Array.from({ length: 600 }, (_, seq) => bench.send(signedEnvelope(alice, { seq })));
  const closed = bench.close();
  await expect(bench.send(signedEnvelope(alice, { seq: 9_999 }))).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  expect((await Promise.all(taken)).every(({ kind }) => kind === "stored")).toBe(true);
  await closed;
});
