/** Sparse signing through the ingest path, with a real journal, real quarantine and real worker threads. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { forEachEntry } from "../../../gateway/journal/frame.ts";
import { anchorLinks, chainedId, parseChained } from "../../../src/codec/chained.ts";
import { checkEnvelope, parseEnvelope } from "../../../src/codec/envelope.ts";
import type { Outcome } from "../../../src/ingest/upload.ts";
import { decodeEntry } from "../../../src/ledger/entry.ts";
import type { ReadingEntry } from "../../../src/ledger/types.ts";
import { blake2b256, signedEnvelope, sodiumCrypto, testDevice } from "../../support/envelopes.ts";
import { IngestBench, signatureWaitUs } from "../../support/ingest-bench.ts";
import { SparseChain, type SparseMessage } from "../../support/sparse-chain.ts";

const alice = testDevice("alice");
const bob = testDevice("bob");
const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "mycogate-chained-"));
  dirs.push(dir);
  return dir;
}

async function enrolled(dir: string, nowUs?: () => number): Promise<IngestBench> {
  const bench = await IngestBench.open(dir, undefined, nowUs);
  await bench.registry.enrol({ id: "alice", publicKey: alice.publicKey, sparseSigning: true });
  await bench.registry.enrol({ id: "bob", publicKey: bob.publicKey });
  return bench;
}

const send = (bench: IngestBench, { bytes, format }: SparseMessage): Promise<Outcome> =>
  bench.send(bytes, { format, transport: "lora", source: "lora:hill" });
const pending = { kind: "quarantined", reason: "SIGNATURE_PENDING" };

const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000 });

/** The device's messages in the ledger. */
async function readings({ ledger }: IngestBench): Promise<ReadingEntry[]> {
  const found: ReadingEntry[] = [];
  for await (const { bundle } of ledger.frames(0, ledger.durableSize)) {
    forEachEntry(bundle, (bytes) => {
      const entry = decodeEntry(bytes);
      if (entry.ok && entry.value.kind === "reading")
        found.push({ ...entry.value, payload: entry.value.payload.slice() });
    });
  }
  return found;
}

const payloads = async (bench: IngestBench): Promise<string[]> =>
  (await readings(bench)).map(({ payload }) => Buffer.from(payload).toString("hex"));
const hexOf = ({ bytes }: SparseMessage): string => Buffer.from(bytes).toString("hex");

/** What a third party does with the log alone: front to back, believing what a signature or a believed message leads to. */
function audit(entries: readonly ReadingEntry[], publicKey: Uint8Array): boolean {
  const proven = new Set<string>();
  return entries.every(({ format, payload }) => {
    if (format === "envelope") {
      const envelope = parseEnvelope(payload);
      if (!envelope.ok || !checkEnvelope(envelope.value, sodiumCrypto(publicKey)).ok) return false;
      for (const link of anchorLinks(envelope.value.metadata)) proven.add(Buffer.from(link).toString("hex"));
      return true;
    }
    const message = parseChained(payload);
    if (!message.ok || !proven.has(Buffer.from(chainedId(blake2b256(payload))).toString("hex"))) return false;
    for (const link of message.value.links) proven.add(Buffer.from(link).toString("hex"));
    return true;
  });
}

test("chained messages wait on disk, and are in the ledger as verified behind the anchor that proves them", async () => {
  let now = 1_760_000_000_000_000;
  const bench = await enrolled(newDir(), () => now);
  const chain = new SparseChain(alice, 5, 2);
  const messages = Array.from({ length: 6 }, () => chain.next());
  // The second and the fifth are lost.
  const arriving = messages.filter((_, at) => at !== 1 && at !== 4);
  for (const message of arriving.slice(0, -1)) {
    expect(await send(bench, message)).toMatchObject({ ...pending, message: { deviceId: "alice" } });
    now += 1_000_000;
  }
  expect(bench.chains.waiting).toBe(3);
  expect(await readings(bench)).toEqual([]);
  expect(bench.quarantine.list(9, -1, () => true).map(({ reason }) => reason)).toEqual(Array(3).fill(pending.reason));

  expect(await send(bench, arriving.at(-1)!)).toMatchObject({ kind: "stored" });
  await eventually(() => expect(bench.quarantine.count).toBe(0));
  const entries = await readings(bench);
  expect((await payloads(bench)).toSorted()).toEqual(arriving.map(hexOf).toSorted());
  expect(entries.map(({ keyEpoch }) => keyEpoch)).toEqual([1, 1, 1, 1]);
  expect(entries.slice(1).every(({ format, source }) => format === "envelope-chained" && source === "lora:hill")).toBe(
    true,
  );
  expect(entries.map(({ receivedUs }) => receivedUs - 1_760_000_000_000_000).toSorted()).toEqual([0, 1e6, 2e6, 3e6]);
  expect(audit(entries, alice.publicKey)).toBe(true);
  expect(bench.chains).toMatchObject({ waiting: 0, released: 3 });
  expect(bench.counters.total).toEqual({ received: 4, stored: 1, duplicate: 0, quarantined: 3, rejected: 0 });
  await bench.close();
});

test("the audit of a log fails where a chained message has nothing before it that leads to it", async () => {
  const bench = await enrolled(newDir());
  const chain = new SparseChain(alice, 2, 1);
  for (const message of [chain.next(), chain.next(), chain.next()]) await send(bench, message);
  await eventually(() => expect(bench.quarantine.count).toBe(0));
  const entries = await readings(bench);
  expect(audit(entries, alice.publicKey)).toBe(true);
  expect(audit(entries.toReversed(), alice.publicKey)).toBe(false);
  expect(audit(entries.toSpliced(1, 1), alice.publicKey)).toBe(false);
  await bench.close();
});

test("one that comes behind its anchor is stored at once, and one that is sent again is a duplicate with its leaf", async () => {
  const bench = await enrolled(newDir());
  const chain = new SparseChain(alice, 3, 2);
  const [first, second, third, anchor] = [chain.next(), chain.next(), chain.next(), chain.next()];
  expect(await send(bench, second)).toMatchObject(pending);
  expect(await send(bench, anchor)).toMatchObject({ kind: "stored" });
  await eventually(() => expect(bench.quarantine.count).toBe(0));
  expect(await send(bench, third)).toMatchObject({ kind: "stored" });
  expect(await send(bench, first)).toMatchObject({ kind: "stored" });
  const again = await send(bench, second);
  expect(again).toMatchObject({ kind: "duplicate", message: { msgId: expect.stringMatching(/^[0-9a-f]{32}$/) } });
  expect((await payloads(bench)).toSorted()).toEqual([first, second, third, anchor].map(hexOf).toSorted());
  expect(audit(await readings(bench), alice.publicKey)).toBe(true);
  await bench.close();
});

test("copies of one that waits are one item in quarantine", async () => {
  const bench = await enrolled(newDir());
  const chain = new SparseChain(alice, 3, 2);
  const message = chain.next();
  const outcomes = await Promise.all([send(bench, message), send(bench, message), send(bench, message)]);
  expect(new Set(outcomes.map((outcome) => outcome.kind === "quarantined" && outcome.id)).size).toBe(1);
  expect(bench.quarantine.count).toBe(1);
  expect(bench.counters.total).toMatchObject({ received: 3, quarantined: 3 });
  await bench.close();
});

test("nothing forged is ever believed: changed, made up, of another device, or linked to by no signature", async () => {
  const bench = await enrolled(newDir());
  const chain = new SparseChain(alice, 3, 2);
  const genuine = [chain.next(), chain.next()];
  const changed = { ...genuine[1]!, bytes: genuine[1]!.bytes.slice() };
  changed.bytes[changed.bytes.length - 10]! ^= 1;
  const invented = new SparseChain(alice, 9, 2);
  const forged = [changed, invented.next({ seq: 70 }), invented.next({ seq: 71 })];
  for (const message of [genuine[0]!, ...forged, genuine[1]!])
    expect(await send(bench, message)).toMatchObject(pending);
  // An anchor of the right form with the wrong key.
  const stolen = new SparseChain({ ...bob, id: "alice" }, 1, 8);
  stolen.next();
  expect(await send(bench, stolen.next())).toMatchObject({ reason: "SIGNATURE_INVALID" });
  expect(await send(bench, chain.anchor())).toMatchObject({ kind: "stored" });
  await eventually(() => expect(bench.quarantine.count).toBe(4));
  expect((await payloads(bench)).slice(1).toSorted()).toEqual(genuine.map(hexOf).toSorted());
  expect(bench.chains.waiting).toBe(3);
  // Nor does an operator believe for the device.
  const [item] = bench.quarantine.list(1, -1, () => true);
  await expect(bench.desk.release(item!.id)).rejects.toMatchObject({ code: "RELEASE_REFUSED" });
  await bench.close();
});

test("an anchor that conflicts with one in the ledger proves nothing, though its signature is good", async () => {
  const bench = await enrolled(newDir());
  const chain = new SparseChain(alice, 9, 1);
  const anchor = chain.anchor({ seq: 5 });
  await send(bench, anchor);
  const message = chain.chained();
  expect(await send(bench, message)).toMatchObject(pending);
  // Same seq and message id, and in one batch with a message that is stored.
  const [conflict, other] = await Promise.all([
    send(bench, chain.anchor({ seq: 5 })),
    bench.send(signedEnvelope(alice, { seq: 6 })),
  ]);
  expect(conflict).toMatchObject({ reason: "REPLAY_CONFLICT" });
  expect(other).toMatchObject({ kind: "stored" });
  expect(bench.chains).toMatchObject({ waiting: 1, released: 0 });
  expect(await send(bench, message)).toMatchObject(pending);
  await bench.close();
});

test("off unless allowed: then a chained message is UNSIGNED, also where unsigned ones are trusted, and an anchor proves nothing", async () => {
  const bench = await enrolled(newDir());
  const chain = new SparseChain(bob, 1, 2);
  const [message, anchor] = [chain.next(), chain.next()];
  const asBob = { deviceId: "bob", transport: "serial", source: "serial:x" } as const;
  const refused = await bench.send(message.bytes, { ...asBob, format: "envelope-chained" });
  expect(refused).toMatchObject({ kind: "quarantined", reason: "UNSIGNED" });
  expect(await bench.send(anchor.bytes, { ...asBob, format: "envelope" })).toMatchObject({ kind: "stored" });
  await bench.registry.setSparseSigning("bob", true);
  expect(await bench.send(message.bytes, { ...asBob, format: "envelope-chained" })).toMatchObject(pending);
  await bench.registry.setSparseSigning("bob", false);
  expect(await bench.send(message.bytes, { ...asBob, format: "envelope-chained" })).toMatchObject({
    reason: "UNSIGNED",
  });
  await bench.close();
});

test("what waits and what is proven outlive a restart, and so does the permission", async () => {
  const dir = newDir();
  const first = await enrolled(dir);
  const chain = new SparseChain(alice, 4, 2);
  const messages = [chain.next(), chain.next(), chain.next()];
  for (const message of messages.slice(0, 2)) await send(first, message);
  await first.close();

  const second = await IngestBench.open(dir);
  expect(second.registry.find("alice")).toMatchObject({ sparseSigning: true });
  expect(second.chains.waiting).toBe(2);
  await send(second, chain.anchor());
  await eventually(() => expect(second.quarantine.count).toBe(0));
  await second.close();

  const third = await IngestBench.open(dir);
  // Proven before the restart, and late.
  expect(await send(third, messages[2]!)).toMatchObject({ kind: "stored" });
  expect(await send(third, messages[0]!)).toMatchObject({ kind: "duplicate" });
  expect(audit(await readings(third), alice.publicKey)).toBe(true);
  await third.close();
});

test("a stop between an anchor and what it proves loses nothing: the next start finishes it", async () => {
  const dir = newDir();
  const first = await enrolled(dir);
  const chain = new SparseChain(alice, 4, 2);
  const messages = [chain.next(), chain.next(), chain.next()];
  for (const message of messages) await send(first, message);
  // As if the process had died right here.
  first.chains.prove = () => undefined;
  await send(first, chain.anchor());
  await first.close();

  const second = await IngestBench.open(dir);
  await eventually(() => expect(second.quarantine.count).toBe(0));
  expect((await payloads(second)).slice(1).toSorted()).toEqual(messages.map(hexOf).toSorted());
  expect(audit(await readings(second), alice.publicKey)).toBe(true);
  await second.close();
});

test("one that waited for too long stays in quarantine", async () => {
  let now = 1_760_000_000_000_000;
  const bench = await enrolled(newDir(), () => now);
  const chain = new SparseChain(alice, 4, 2);
  const [stale, fresh] = [chain.next(), chain.next()];
  await send(bench, stale);
  now += signatureWaitUs + 1;
  await send(bench, fresh);
  await send(bench, chain.anchor());
  await eventually(() => expect(bench.chains.released).toBe(1));
  expect(bench.chains.waiting).toBe(1);
  // Sent again it is new: the gateway's time for it is now.
  expect(await send(bench, stale)).toMatchObject({ kind: "stored" });
  await bench.close();
});

test("a key that was rotated out proves what it signed in time, and signs nothing more", async () => {
  let now = 1_760_000_000_000_000;
  const bench = await enrolled(newDir(), () => now);
  const chain = new SparseChain(alice, 4, 3);
  const [early, late, unsigned] = [chain.next(), chain.next(), chain.next()];
  const anchor = chain.anchor();
  const tooLate = chain.anchor();
  await send(bench, early);
  await send(bench, anchor);
  await eventually(() => expect(bench.quarantine.count).toBe(0));
  await bench.registry.rotate("alice", testDevice("alice's second key").publicKey, 1);
  now += 2_000_000;
  expect(await send(bench, tooLate)).toMatchObject({ reason: "DEVICE_REVOKED" });
  // Proven while the key was in force.
  expect(await send(bench, unsigned)).toMatchObject({ kind: "stored" });
  expect(await send(bench, late)).toMatchObject({ kind: "stored" });
  expect((await readings(bench)).map(({ keyEpoch }) => keyEpoch)).toEqual([1, 1, 1, 1]);
  await bench.close();
});
