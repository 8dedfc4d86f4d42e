import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ed25519Vkey } from "../../../src/ledger/ed25519-line.ts";
import { keyEntry, rotationStatement } from "../../../src/ledger/key-events.ts";
import { decodeSeal, encodeSeal, type SignedSeal } from "../../../src/ledger/seal.ts";
import { SealSignatures } from "../../../src/ledger/seal-signatures.ts";
import type { EventEntry } from "../../../src/ledger/types.ts";

interface Key {
  readonly vkey: string;
  readonly privateKey: KeyObject;
}
const newKey = (name = "gw.test/ledger/1#seals"): Key => {
  const { privateKey } = generateKeyPairSync("ed25519");
  return { vkey: ed25519Vkey(name, privateKey), privateKey };
};
const [first, second, third, stranger] = [newKey(), newKey(), newKey(), newKey()];

const introduced = ({ vkey }: Key): EventEntry =>
  keyEntry({ type: "keys.introduced", keys: new Map([["seal", vkey]]) }, 1);

function rotated(before: Key, next: Key, endorsing = before): EventEntry {
  const keys = { role: "seal", previous: before.vkey, next: next.vkey } as const;
  const statement = rotationStatement(keys);
  const endorsed = sign(null, statement, endorsing.privateKey);
  return keyEntry({ type: "key.rotated", ...keys, endorsed, accepted: sign(null, statement, next.privateKey) }, 1);
}

function sealBy({ privateKey }: Key): SignedSeal {
  const hash = new Uint8Array(32);
  const claims = { number: 1, startLeaf: 2, count: 3, openedUs: 4, sealedUs: 5 };
  const seal = { ...claims, previousHash: hash, merkleRoot: hash, treeRootBefore: hash };
  const decoded = decodeSeal(encodeSeal(seal, (bytes) => sign(null, bytes, privateKey)));
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.value;
}

type Step = EventEntry | SignedSeal | "gap";

/** What is found wrong on the way through a log, by the place in it; the last is what is wrong with the whole of it. */
function walk(steps: readonly Step[], named: readonly Key[] = []) {
  const signatures = new SealSignatures(named.map(({ vkey }) => vkey));
  const flaws: [number, string][] = [];
  for (const [leafIndex, step] of steps.entries()) {
    if (step === "gap") signatures.gap();
    else if ("kind" in step) signatures.observe(step, leafIndex);
    else {
      const flaw = signatures.flawOf(step);
      if (flaw !== undefined) flaws.push([leafIndex, flaw]);
    }
  }
  const keys = signatures.flaw();
  if (keys !== undefined) flaws.push([keys.leafIndex, keys.what]);
  return { flaws, checked: signatures.checked, keys: signatures.keys };
}

const strange = "none of the seals' keys that the log announces is one that the policy names";
const unnamed = "is signed with none of the seals' keys that the policy names";
const bad = "has a signature that does not verify";
const late = "is signed with a key that had a successor by then";

describe("the seals of a whole log", () => {
  const [a, b, c] = [sealBy(first), sealBy(second), sealBy(third)];
  const log = [introduced(first), a, a, rotated(first, second), a, b, rotated(second, third), b, c, c];

  test.each([
    ["nobody names a key", []],
    ["the first key is named", [first]],
    ["one between is named", [second]],
    ["the last is named", [third]],
    ["one of several that are named is the log's", [stranger, third]],
  ])("are each signed with the key in force where %s", (_where, named) => {
    const keys = [first, second, third].map(({ vkey }) => vkey);
    expect(walk(log, named)).toEqual({ flaws: [], checked: 7, keys });
  });

  test("are no stranger's", () => {
    expect(walk([introduced(first), a, sealBy(stranger), a]).flaws).toEqual([[2, bad]]);
  });

  test("are not signed with a key that has a successor, nor with one before its turn", () => {
    const steps = [introduced(first), a, rotated(first, second), a, a, b, rotated(second, third), a, c, b];
    expect(walk(steps).flaws).toEqual([
      [4, late],
      [7, late],
      [9, late],
    ]);
    expect(walk([introduced(first), rotated(first, second), b, b]).flaws).toEqual([[2, bad]]);
  });

  test("of a log under another key from its first leaf on are found by whoever knows the right one", () => {
    const forged = [introduced(stranger), sealBy(stranger), sealBy(stranger)];
    expect(walk(forged).flaws, "the log's own word").toEqual([]);
    expect(walk(forged, [first]).flaws).toEqual([[0, strange]]);
  });

  test("are not another key's because an entry says so that the key before has not signed", () => {
    const what = "the rotation of the seals' key is not signed by the key before";
    expect(walk([introduced(first), a, rotated(first, stranger, stranger), a, sealBy(stranger)]).flaws).toEqual([
      [4, bad],
      [2, what],
    ]);
    const other = "the rotation of the seals' key follows another key than the one in force";
    expect(walk([introduced(first), a, rotated(stranger, second), a]).flaws).toEqual([[2, other]]);
    expect(walk([introduced(first), a, introduced(stranger), a, sealBy(stranger)]).flaws).toEqual([[4, bad]]);
  });

  test("may be older than the introduction of their key: then who knows it checks them, and nobody else", () => {
    const old = [a, a, introduced(first), a];
    expect(walk(old)).toMatchObject({ flaws: [], checked: 1 });
    expect(walk(old, [first])).toMatchObject({ flaws: [], checked: 3 });
    expect(walk(old, [stranger]).flaws).toEqual([
      [0, unnamed],
      [1, unnamed],
      [2, strange],
    ]);
  });

  test("under a key that is none are not valid", () => {
    const none = { ...first, vkey: first.vkey.slice(0, -8) };
    expect(walk([introduced(none), a]).flaws).toEqual([[1, bad]]);
    const smallOrder = "gw.test/ledger/1#seals+7f3a5b1c+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
    expect(walk([introduced({ ...first, vkey: smallOrder }), a]).flaws).toEqual([[1, bad]]);
  });
});

describe("behind a part that is not there", () => {
  const [a, b, c] = [sealBy(first), sealBy(second), sealBy(third)];

  test("whoever names the key checks the seals, and without that only a rotation tells it", () => {
    const log = ["gap", b, rotated(second, third), b, c] as const;
    expect(walk(log)).toMatchObject({ flaws: [], checked: 2 });
    expect(walk(log, [second])).toMatchObject({ flaws: [], checked: 3 });
    expect(walk(log, [first, second, third])).toMatchObject({ flaws: [], checked: 3 });
    expect(walk(["gap", b, sealBy(stranger)], [second]).flaws).toEqual([[2, bad]]);
    expect(walk(["gap", sealBy(stranger)], [second]).flaws).toEqual([[1, unnamed]]);
    expect(walk(["gap", rotated(stranger, third), sealBy(stranger), c], [second]).flaws).toEqual([[1, strange]]);
  });

  test("the key from before goes on, unless it was replaced there", () => {
    const before = [introduced(first), a, "gap"] as const;
    expect(walk([...before, a, a])).toMatchObject({ flaws: [], checked: 3 });
    expect(walk([...before, a, sealBy(stranger)]).flaws).toEqual([[4, bad]]);
    expect(walk([...before, b, b])).toMatchObject({ flaws: [], checked: 1 });
    expect(walk([...before, b, b], [first]).flaws).toEqual([
      [3, unnamed],
      [4, unnamed],
    ]);
    expect(walk([...before, b, b], [first, second])).toMatchObject({ flaws: [], checked: 3 });
  });

  test("a key that had a successor before it does not come back, not even for who names it", () => {
    const before = [introduced(first), rotated(first, second), a, b, "gap"] as const;
    expect(walk([...before, b], [first, second])).toMatchObject({ flaws: [], checked: 3 });
    expect(walk([...before, a], [first, second]).flaws).toEqual([[5, unnamed]]);
  });
});
