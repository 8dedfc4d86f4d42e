import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mdp, mdpEndpoints, mdpFlags, mdpTypes, receipt as spec } from "../../../protocol/spec.ts";
import { encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { decodeReceipt, encodeReceipt, type Receipt, verifyReceipt } from "../../../src/ledger/receipt.ts";
import { decodeSeal } from "../../../src/ledger/seal.ts";
import { signWithSodium, sodiumCrypto, testDevice } from "../../support/envelopes.ts";

interface Vector {
  readonly name: string;
  readonly publicKey: string;
  readonly receipt: string;
}
interface AcceptedVector extends Vector {
  readonly seed: string;
  readonly device: string;
  readonly seq: number | string;
  readonly msgId: string;
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly treeSize: number;
}
const vectors: {
  readonly accepted: readonly AcceptedVector[];
  readonly rejected: readonly (Vector & { readonly reject: string })[];
} = JSON.parse(readFileSync(new URL("../../../protocol/vectors/golden-receipts.json", import.meta.url), "utf8"));

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const key = testDevice("gateway");
const sign = (bytes: Uint8Array) => signWithSodium(bytes, key);

const arbReceipt: fc.Arbitrary<Receipt> = fc
  .record({
    device: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
    seq: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    msgId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    leafHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    sizes: fc.tuple(fc.maxSafeNat(), fc.maxSafeNat()).filter(([a, b]) => a !== b),
  })
  .map(({ seq, sizes, ...rest }) => ({
    ...rest,
    seq: seq <= Number.MAX_SAFE_INTEGER ? Number(seq) : seq,
    leafIndex: Math.min(...sizes),
    treeSize: Math.max(...sizes),
  }));

describe("the golden receipts", () => {
  test.each(vectors.accepted)("$name: encoded and verified", (vector) => {
    const { device, msgId, leafIndex, leafHash, treeSize } = vector;
    const seq = typeof vector.seq === "string" ? BigInt(vector.seq) : vector.seq;
    const receipt = { device, seq, msgId: fromHex(msgId), leafIndex, leafHash: fromHex(leafHash), treeSize };
    const bytes = encodeReceipt(receipt, (text) => signWithSodium(text, testDevice("", fromHex(vector.seed))));
    expect(hexOf(bytes)).toBe(vector.receipt);
    expect(verifyReceipt(bytes, fromHex(vector.publicKey))).toEqual({ ok: true, value: receipt });
  });

  test.each(vectors.rejected)("$name: $reject", ({ publicKey, receipt, reject }) => {
    expect(verifyReceipt(fromHex(receipt), fromHex(publicKey))).toMatchObject({ ok: false, reject });
  });
});

describe("a receipt", () => {
  test("is read back as it was written, verifies with libsodium too, and is no seal", () => {
    fc.assert(
      fc.property(arbReceipt, (receipt) => {
        const bytes = encodeReceipt(receipt, sign);
        const decoded = decodeReceipt(bytes);
        if (!decoded.ok) throw new Error(decoded.detail);
        expect(decoded.value.receipt).toEqual(receipt);
        expect(sodiumCrypto(key.publicKey).verify(decoded.value.signature, decoded.value.signedBytes)).toBe(true);
        expect(decodeSeal(bytes).ok).toBe(false);
        expect([...bytes.subarray(0, spec.head.length)]).toEqual([...spec.head]);
        expect([...decoded.value.signedBytes.subarray(0, spec.signedHead.length)]).toEqual([...spec.signedHead]);
      }),
    );
  });

  test("fits a LoRa packet as an MDP frame, whatever the device id", () => {
    const longest = vectors.accepted.find(({ name }) => name === "the longest receipt")!;
    const body = fromHex(longest.receipt);
    expect(body.length).toBe(spec.maxBytes);
    const frame = encodeMdpFrame({
      type: mdpTypes.ACK,
      seq: 0xffff_ffff,
      ack: 0xffff_ffff,
      flags: mdpFlags.IS_ACK,
      src: mdpEndpoints.GATEWAY,
      dst: mdpEndpoints.SIDE_A,
      body,
    });
    expect(frame.length).toBeLessThanOrEqual(255);
    expect(body[0]).toBe(mdp.receiptBody.receiptFirstByte);
  });

  test("with any bit changed is refused", () => {
    const bytes = fromHex(vectors.accepted[0]!.receipt);
    const publicKey = fromHex(vectors.accepted[0]!.publicKey);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.with(at, bytes[at]! ^ (1 << (at % 8)));
      expect(verifyReceipt(changed, publicKey).ok, `byte ${at}`).toBe(false);
    }
  });

  test("is decoded or refused, whatever the bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !decodeReceipt(bytes).ok));
    expect(decodeReceipt(new Uint8Array(1_000_000)).ok).toBe(false);
  });
});
