/** Chains made by the C library and read by the gateway's codec, and the other way round; vectors, and a fuzzer. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anchorLinks, chainedId, parseChained } from "../../src/codec/chained.ts";
import { checkEnvelope, type Envelope, parseEnvelope } from "../../src/codec/envelope.ts";
import type { Reading } from "../../src/reading.ts";
import { blake2b256, sodiumCrypto, testDevice } from "../support/envelopes.ts";
import { answers, buildFolder, buildProgram, compile, librarySources, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";
import { ownVectors } from "../support/shared-vectors.ts";
import { SparseChain } from "../support/sparse-chain.ts";

interface Vector {
  readonly name: string;
  readonly deviceId: string;
  readonly proto: number;
  readonly msgId: string;
  readonly epochMs: number;
  readonly seq: number;
  readonly monoMs: number;
  readonly geo: { latE7: number; lonE7: number; accM: number } | null;
  readonly readings: readonly (readonly number[])[];
  readonly links: readonly string[];
  readonly publicKey?: string;
  readonly cbor: string;
}

const golden: { accepted: Vector[]; rejected: { name: string; reject: string; cbor: string }[] } =
  ownVectors("golden-chained.json");
const statusOf: Readonly<Record<string, number>> = {
  NOT_WELL_FORMED: -10,
  NOT_DETERMINISTIC: -11,
  SCHEMA_INVALID: -12,
};
/** What the driver shows where a chained message has no message id. */
const noId = Buffer.from("0123456789abcdef").toString("hex");
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const device = testDevice("hilltop");
const seed = hexOf(device.secretKey.subarray(0, 32));

/** The fields as codec-driver.c takes and prints them. */
function line({
  deviceId,
  proto,
  msgId,
  epochMs,
  seq,
  monoMs,
  geo,
  readings,
}: Omit<Vector, "name" | "links" | "cbor">) {
  const place = geo ? `${geo.latE7},${geo.lonE7},${geo.accM}` : "-";
  const values = readings.map((reading) => reading.join(":")).join(",") || "-";
  return `${hexOf(Buffer.from(deviceId))} ${proto} ${msgId} ${epochMs} ${seq} ${monoMs} ${place} - ${values}`;
}

const arbFields = fc.record({
  deviceId: fc.constant(device.id),
  proto: fc.constant(1),
  msgId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(hexOf),
  epochMs: fc.integer({ min: 0, max: 2 ** 41 }),
  seq: fc.nat(),
  monoMs: fc.nat(),
  geo: fc.option(fc.record({ latE7: fc.constant(5), lonE7: fc.constant(-7), accM: fc.nat() })),
  readings: fc.array(fc.tuple(fc.nat(20), fc.integer(), fc.nat(9), fc.nat(8), fc.nat(2)), { maxLength: 4 }),
});

needs("gcc", "sodium.h")("sparse signing in C", () => {
  const program = buildProgram(buildFolder(), "codec-driver", ["-lsodium"]);
  const ask = (lines: readonly string[]): string[] => answers(program, lines);

  test("every vector is read as the gateway reads it", () => {
    const read = ask(
      golden.accepted.map(({ cbor, publicKey }) => (publicKey ? `anchor ${publicKey} ${cbor}` : `chained ${cbor}`)),
    );
    expect(read).toEqual(
      golden.accepted.map((vector) => {
        const links = vector.links.join("") || "-";
        return vector.publicKey ? `0 ${links}` : `0 ${links} ${line({ ...vector, msgId: noId })}`;
      }),
    );
  });

  test("every vector that must be refused is, for the same reason", () => {
    const read = ask(golden.rejected.map(({ cbor }) => `chained ${cbor || "-"}`.replace(/-$/, "")));
    expect(read.map((answer, at) => [golden.rejected[at]!.name, Number(answer)])).toEqual(
      golden.rejected.map(({ name, reject }) => [name, statusOf[reject]]),
    );
  });

  test("the vectors' chain is built byte by byte, with as many links as each message has", () => {
    // What a chain remembers depends on how many links it has; those of the vectors vary, so each is built by itself.
    const before = (at: number): Vector[] => golden.accepted.slice(0, at).filter(({ publicKey }) => !publicKey);
    const usual = golden.accepted
      .map((vector, at) => ({ vector, at }))
      .filter(({ vector, at }) => {
        const newest = before(at)
          .map(({ msgId }) => msgId)
          .toReversed();
        return vector.links.every((link, index) => link === newest[index]);
      });
    expect(usual.length).toBe(9);
    const lines = usual.flatMap(({ vector, at }) => [
      `chain ${Math.max(1, vector.links.length)} ${vector.publicKey ? 0 : 64}`,
      ...(vector.links.length > 0 ? before(at).map(({ cbor }) => `recall ${cbor}`) : []),
      `next ${seedOf(vector)} ${line(vector)}`,
    ]);
    const built = ask(lines).filter((_, at) => lines[at]!.startsWith("next"));
    const empty = usual.filter(({ vector }) => vector.publicKey && vector.links.length === 0).length;
    expect(empty).toBe(1);
    for (const [index, { vector }] of usual.entries()) {
      // Without links C makes a plain envelope, whose metadata are absent and not empty.
      if (vector.publicKey && vector.links.length === 0) continue;
      expect(built[index]).toBe(`0 ${vector.cbor} ${vector.msgId}`);
    }
  });

  test("a chain that C makes is proven by the gateway's codec, message by message", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 5 }),
        fc.array(arbFields, { minLength: 12, maxLength: 12 }),
        (links, span, all) => {
          const built = ask([`chain ${links} ${span}`, ...all.map((fields) => `next ${seed} ${line(fields)}`)]).slice(
            1,
          );
          const recent: string[] = [];
          for (const [at, answer] of built.entries()) {
            const [status, hex, msgId] = answer.split(" ");
            expect(status).toBe("0");
            const bytes = Buffer.from(hex!, "hex");
            const expected = recent.slice(0, links);
            if (at % (span + 1) === span) {
              const envelope = signed(bytes);
              expect(msgId).toBe(all[at]!.msgId);
              expect(anchorLinks(envelope.metadata).map(hexOf)).toEqual(expected);
              expect(envelope).toMatchObject({ seq: all[at]!.seq, readings: all[at]!.readings.map(readingOf) });
              continue;
            }
            const message = parseChained(bytes);
            if (!message.ok) throw new Error(message.detail);
            expect(message.value.links.map(hexOf)).toEqual(expected);
            expect(message.value).toMatchObject({ seq: all[at]!.seq, readings: all[at]!.readings.map(readingOf) });
            expect(hexOf(chainedId(blake2b256(bytes)))).toBe(msgId);
            recent.unshift(msgId!);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  test("a chain that the gateway's codec makes is read by C", () => {
    const chain = new SparseChain(device, 3, 2);
    const messages = Array.from({ length: 9 }, () => chain.next());
    const key = hexOf(device.publicKey);
    const read = ask(
      messages.map(({ bytes, isAnchor }) => (isAnchor ? `anchor ${key} ${hexOf(bytes)}` : `chained ${hexOf(bytes)}`)),
    );
    for (const [at, { bytes, isAnchor }] of messages.entries()) {
      const message = isAnchor ? undefined : parseChained(bytes);
      const links = isAnchor ? anchorLinks(signed(bytes).metadata) : message?.ok ? message.value.links : [];
      expect(read[at]).toMatch(new RegExp(`^0 ${links.map(hexOf).join("") || "-"}( |$)`));
    }
  });

  test("what cannot be sent moves no chain, a refusal ends it, and numbers out of range begin none", () => {
    const fields = { deviceId: device.id, proto: 1, msgId: noId, epochMs: 0, seq: 1, monoMs: 0, geo: null };
    const good = line({ ...fields, readings: [] });
    const bad = line({ ...fields, readings: [[1, 1, 10, 1, 0]] });
    const [, first, refused, second, anchor, , afterRefusal, ...inits] = ask([
      "chain 2 2",
      `next ${seed} ${good}`,
      `next ${seed} ${bad}`,
      `next ${seed} ${good}`,
      `next ${seed} ${good}`,
      "refused",
      `next ${seed} ${good}`,
      "chain 0 3",
      "chain 9 3",
      "chain 2 65",
      "chain 8 64",
    ]);
    expect(refused).toBe("-1");
    const [firstId, secondId] = [first, second].map((answer) => answer!.split(" ")[2]!);
    expect(second).toContain(firstId);
    const anchorBytes = Buffer.from(anchor!.split(" ")[1]!, "hex");
    expect(anchorLinks(signed(anchorBytes).metadata).map(hexOf)).toEqual([secondId, firstId]);
    expect(signed(Buffer.from(afterRefusal!.split(" ")[1]!, "hex")).metadata).toBeUndefined();
    expect(inits).toEqual(["-1", "-1", "-1", "0"]);
  });

  function signed(bytes: Uint8Array): Envelope {
    const envelope = parseEnvelope(bytes);
    if (!envelope.ok) throw new Error(envelope.detail);
    expect(checkEnvelope(envelope.value, sodiumCrypto(device.publicKey)).ok).toBe(true);
    return envelope.value;
  }
});

function seedOf(vector: Vector & { readonly seed?: string }): string {
  return vector.seed ?? seed;
}

function readingOf([sensor, vi, vs, unit, quality]: readonly number[]): Reading {
  return { sensor: sensor!, vi: vi!, vs: vs!, unit: unit!, quality: quality! };
}

needs("clang")("the library's reader of chains", () => {
  const folder = buildFolder();
  const fuzzer = join(folder, "fuzz-sparse");
  const sanitizers = ["-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"];
  compile("clang", [...strictFlags, ...sanitizers, ...librarySources, "test/fuzz-sparse.c", "-o", fuzzer]);
  const corpus = join(folder, "corpus");
  mkdirSync(corpus);
  for (const [at, { cbor }] of [...golden.accepted, ...golden.rejected].entries()) {
    if (cbor.length < 1_000) writeFileSync(join(corpus, `seed-${at}`), Buffer.from(cbor, "hex"));
  }

  describe("over 100,000 inputs", () => {
    test("keeps its word", () => {
      const options = ["-runs=100000", "-seed=1", "-max_len=400", `-artifact_prefix=${folder}/`];
      const run = spawnSync(fuzzer, [...options, corpus], { encoding: "utf8" });
      expect(run.stderr).toContain("Done 100000 runs");
      expect(run.status).toBe(0);
    });
  });
});
