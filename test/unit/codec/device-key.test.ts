import { createPublicKey, verify as nodeVerify } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { describe, expect, test } from "vitest";
import { checkDevicePublicKey, parsePublicKey } from "../../../src/codec/device-key.ts";
import { verifyEd25519 } from "../../../src/codec/ed25519.ts";
import { sodiumCrypto, testDevice } from "../../support/envelopes.ts";
import { needsVectors } from "../../support/needs.ts";
import { sharedVectors } from "../../support/shared-vectors.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const { publicKey } = testDevice("greenhouse-1");
const key = new Uint8Array(publicKey);

describe("a device's public key", () => {
  test("is taken when a key pair has it", () => {
    for (let n = 0; n < 20; n++) expect(checkDevicePublicKey(testDevice(`device-${n}`).publicKey).ok).toBe(true);
  });

  test.each([
    ["31 bytes", key.subarray(1)],
    ["33 bytes", Uint8Array.of(...key, 0)],
    ["the identity", hex(`01${"00".repeat(31)}`)],
    ["a point of order 2", hex(`ec${"ff".repeat(30)}7f`)],
    ["a point of order 4", new Uint8Array(32)],
    ["a point of order 8", hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")],
    ["the prime itself, a second encoding of a point of order 4", hex(`ed${"ff".repeat(30)}7f`)],
    ["an x of zero with its sign set", hex(`01${"00".repeat(30)}80`)],
    ["a y that is on no point", hex(`02${"00".repeat(31)}`)],
    ["a point of mixed order", mixedOrder()],
  ])("%s is refused", (_, bytes) => {
    expect(checkDevicePublicKey(bytes)).toMatchObject({ ok: false, reject: "PUBLIC_KEY_INVALID" });
  });

  test.each([
    ["hex", publicKey.toString("hex")],
    ["upper-case hex", publicKey.toString("hex").toUpperCase()],
    ["base64", publicKey.toString("base64")],
    ["base64 without padding", publicKey.toString("base64").replace("=", "")],
    ["base64url", publicKey.toString("base64url")],
  ])("is read from %s", (_, text) => expect(parsePublicKey(text)).toEqual({ ok: true, value: key }));

  test.each([
    ["nothing", ""],
    ["63 hex digits", publicKey.toString("hex").slice(1)],
    ["base64 of 31 bytes", publicKey.subarray(1).toString("base64")],
    ["base64 with a blank", `${publicKey.toString("base64").slice(0, 10)} ${publicKey.toString("base64").slice(10)}`],
    ["base64 whose spare bits are set", Buffer.alloc(32).toString("base64").replace("A=", "B=")],
    ["padding twice", `${publicKey.toString("base64")}=`],
  ])("is not read from %s", (_, text) => {
    expect(parsePublicKey(text)).toMatchObject({ ok: false, reject: "PUBLIC_KEY_INVALID" });
  });
});

/** A sound key plus a point of order 8. */
function mixedOrder(): Uint8Array {
  const { Point } = ed25519;
  const torsion = Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
  return Point.fromBytes(key).add(torsion).toBytes();
}

const node = (publicKeyBytes: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKeyBytes]);
  return nodeVerify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
};
const sodium = (publicKeyBytes: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  signature.length === 64 && sodiumCrypto(publicKeyBytes).verify(signature, message);

const cctvFile = "cctv-ed25519.json";
needsVectors(cctvFile)(`Ed25519 edge cases (${cctvFile})`, () => {
  const vectors =
    sharedVectors<{ number: number; key: string; sig: string; msg: string; flags: string[] | null }[]>(cctvFile);
  const enrollable = vectors.filter((vector) => checkDevicePublicKey(hex(vector.key)).ok);

  test("a key is enrollable exactly if it is canonical and of prime order", () => {
    for (const { key: bytes, flags } of vectors) {
      const faulty =
        flags?.some((flag) => ["low_order_A", "low_order_component_A", "non_canonical_A"].includes(flag)) ?? false;
      expect(checkDevicePublicKey(hex(bytes)).ok).toBe(!faulty);
    }
    expect(enrollable.length).toBeGreaterThan(0);
  });

  test("under enrollable keys libsodium and the portable check agree, and node accepts what they accept", () => {
    let accepted = 0;
    for (const { number, key: bytes, sig, msg } of enrollable) {
      const message = Buffer.from(msg);
      const bySodium = sodium(hex(bytes), message, hex(sig));
      expect([number, verifyEd25519(hex(sig), message, hex(bytes))]).toEqual([number, bySodium]);
      if (bySodium) expect(node(hex(bytes), message, hex(sig))).toBe(true);
      if (bySodium) accepted++;
    }
    expect(accepted).toBeGreaterThan(0);
  });
});

const wycheproofFile = "wycheproof-ed25519.json";
needsVectors(wycheproofFile)(`Ed25519 signatures (${wycheproofFile})`, () => {
  interface Group {
    publicKey: { pk: string };
    tests: { tcId: number; comment: string; msg: string; sig: string; result: "valid" | "invalid" }[];
  }
  const groups = sharedVectors<{ testGroups: Group[] }>(wycheproofFile).testGroups;
  const cases = groups.flatMap(({ publicKey: { pk }, tests }) => tests.map((one) => ({ ...one, pk })));

  test.each(cases)("$tcId $comment is $result", ({ pk, msg, sig, result }) => {
    expect(checkDevicePublicKey(hex(pk)).ok).toBe(true);
    expect(sodium(hex(pk), hex(msg), hex(sig))).toBe(result === "valid");
    expect(verifyEd25519(hex(sig), hex(msg), hex(pk))).toBe(result === "valid");
  });
});
