import { generateKeyPairSync, sign } from "node:crypto";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ed25519Vkey } from "../../../src/ledger/ed25519-line.ts";
import { decodeEntry, encodeEntry } from "../../../src/ledger/entry.ts";
import {
  KeyHistory,
  type KeyRole,
  type KeyRotation,
  keyEntry,
  keyEvent,
  keyRoles,
  rotationFlaw,
  rotationStatement,
} from "../../../src/ledger/key-events.ts";
import { mldsa44Vkey } from "../../../src/ledger/mldsa44-line.ts";
import type { EventEntry } from "../../../src/ledger/types.ts";

const origin = "gw.test/ledger/1";
interface Key {
  readonly vkey: string;
  sign(message: Uint8Array): Uint8Array;
}
const ed25519 = (name = origin): Key => {
  const { privateKey } = generateKeyPairSync("ed25519");
  return { vkey: ed25519Vkey(name, privateKey), sign: (message) => sign(null, message, privateKey) };
};
const mldsa44 = (): Key => {
  const { publicKey, secretKey } = ml_dsa44.keygen();
  return { vkey: mldsa44Vkey(origin, publicKey), sign: (message) => ml_dsa44.sign(message, secretKey) };
};

function rotation(role: KeyRole, before: Key, next: Key): KeyRotation {
  const rotated = { role, previous: before.vkey, next: next.vkey };
  const statement = rotationStatement(rotated);
  return { type: "key.rotated", ...rotated, endorsed: before.sign(statement), accepted: next.sign(statement) };
}

const [first, second, third] = [ed25519(), ed25519(), ed25519()];

test("what both keys sign names the role and both keys, and begins like nothing else that they sign", () => {
  const statement = Buffer.from(rotationStatement({ role: "seal", previous: "a+1+b", next: "a+2+c" })).toString();
  expect(statement).toBe("mycogate/key-rotation/v1\nseal\na+1+b\na+2+c\n");
});

test.each([
  ["Ed25519", ed25519],
  ["ML-DSA-44", mldsa44],
])("an %s rotation stands on both signatures", (_type, make) => {
  const [before, next] = [make(), make()];
  const sound = rotation("checkpoint-mldsa44", before, next);
  expect(rotationFlaw(sound)).toBeUndefined();
  const statement = rotationStatement(sound);
  const stranger = make();
  expect(rotationFlaw({ ...sound, endorsed: stranger.sign(statement) })).toBe("is not signed by the key before");
  expect(rotationFlaw({ ...sound, accepted: stranger.sign(statement) })).toBe("is not signed by the next key");
  expect(rotationFlaw({ ...sound, next: stranger.vkey })).toBe("is not signed by the key before");
  expect(rotationFlaw({ ...sound, role: "seal" })).toBe("is not signed by the key before");
  for (const endorsed of [new Uint8Array(0), new Uint8Array(64), sound.endorsed.subarray(1)])
    expect(rotationFlaw({ ...sound, endorsed })).toBe("is not signed by the key before");
});

test("the entry of a rotation is as long as docs/adr/0064 says: 0.4 and 8.5 KB", () => {
  const kilobytes = (role: KeyRole, make: () => Key) =>
    encodeEntry(keyEntry(rotation(role, make(), make()), 1.79e15)).length / 1000;
  expect(kilobytes("checkpoint-ed25519", ed25519)).toBeCloseTo(0.4, 1);
  expect(kilobytes("checkpoint-mldsa44", mldsa44)).toBeCloseTo(8.5, 1);
});

test("keys of another name are no successors", () => {
  expect(rotationFlaw(rotation("seal", ed25519(`${origin}#seals`), ed25519()))).toBe("is of keys with different names");
});

describe("the history", () => {
  const fold = (...events: readonly EventEntry[]): KeyHistory => {
    const history = new KeyHistory();
    for (const [leafIndex, event] of events.entries()) {
      const read = decodeEntry(encodeEntry(event));
      if (read.ok && read.value.kind === "event") history.replay(read.value, leafIndex);
    }
    return history;
  };
  const introduced = keyEntry({ type: "keys.introduced", keys: new Map([["seal", first.vkey]]) }, 1);
  const [toSecond, toThird] = [rotation("seal", first, second), rotation("seal", second, third)];

  test("is the chain from the first key to the one in force", () => {
    const retired = keyEntry({ type: "key.retired", role: "seal", key: first.vkey }, 4);
    const history = fold(introduced, keyEntry(toSecond, 2), keyEntry(toThird, 3), retired);
    expect(history.chain("seal")).toEqual([first.vkey, second.vkey, third.vkey]);
    expect([history.inForce("seal"), history.rotatedAt("seal")]).toEqual([third.vkey, 2]);
    expect(history.notRetired("seal")).toEqual([second.vkey]);
    expect(history.successors(second.vkey)).toEqual([second.vkey, third.vkey]);
    expect(history.successors("a stranger's")).toEqual(["a stranger's"]);
    expect(history.inForce("receipt")).toBeUndefined();
  });

  test.each<[string, EventEntry]>([
    ["does not follow the key in force", keyEntry(toThird, 2)],
    ["only the next key has signed", keyEntry({ ...toSecond, endorsed: toSecond.accepted }, 2)],
    ["only the key before has signed", keyEntry({ ...toSecond, accepted: toSecond.endorsed }, 2)],
    ["is of another role", keyEntry({ ...toSecond, role: "receipt" }, 2)],
    [
      "introduces the role a second time",
      keyEntry({ type: "keys.introduced", keys: new Map([["seal", third.vkey]]) }, 2),
    ],
  ])("is not moved by an entry that %s", (_why, entry) => {
    const history = fold(introduced, entry);
    expect([history.inForce("seal"), history.rotatedAt("seal")]).toEqual([first.vkey, undefined]);
  });
});

test("events come back as they were written, and any body is an event or none", () => {
  const sound = rotation("seal", first, second);
  expect(keyEvent(keyEntry(sound, 1))).toEqual({
    ...sound,
    endorsed: Uint8Array.from(sound.endorsed),
    accepted: Uint8Array.from(sound.accepted),
  });
  const value = fc.oneof(fc.string(), fc.uint8Array(), fc.integer(), fc.constantFrom(...keyRoles, first.vkey));
  fc.assert(
    fc.property(
      fc.constantFrom("keys.introduced", "key.rotated", "key.retired", "key.lost"),
      fc.dictionary(fc.constantFrom("role", "previous", "next", "endorsed", "accepted", "key", "keys"), value),
      (type, body) => {
        const event: EventEntry = { kind: "event", type, receivedUs: 1, body: new Map(Object.entries(body)) };
        const read = keyEvent(event);
        if (read?.type === "key.rotated") expect(rotationFlaw(read)).toBeDefined();
        expect(() => new KeyHistory().replay(event, 0)).not.toThrow();
      },
    ),
  );
});
