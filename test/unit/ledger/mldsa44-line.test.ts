import { createHash } from "node:crypto";
import { shake128 } from "@noble/hashes/sha3.js";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Checkpoint } from "../../../src/ledger/checkpoint.ts";
import { checkpointVerifier } from "../../../src/ledger/checkpoint-verifier.ts";
import {
  cosignature,
  cosignedMessage,
  cosignedTime,
  mldsa44Verifier,
  mldsa44Vkey,
} from "../../../src/ledger/mldsa44-line.ts";
import { formatVkey, noteKeyId } from "../../../src/ledger/note.ts";
import { needsVectors } from "../../support/needs.ts";
import { sharedVectors } from "../../support/shared-vectors.ts";

const origin = "gw.example/ledger/1";
const root = new Uint8Array(32).fill(0x5a);
const checkpoint: Checkpoint = { origin, size: 70_000, root };
const time = 1_790_000_000n;
const { publicKey, secretKey } = ml_dsa44.keygen(new Uint8Array(32).fill(7));
const verifier = mldsa44Verifier(origin, publicKey);

function line(over: Checkpoint = checkpoint, name = origin, at = time): Uint8Array {
  return cosignature(at, ml_dsa44.sign(cosignedMessage(name, at, over)!, secretKey, { extraEntropy: false }));
}

describe("an ML-DSA-44 line", () => {
  test("signs the struct of the specification, byte for byte", () => {
    const hex = [
      "737562747265652f76310a00", // "subtree/v1\n\0"
      `01${"77"}`,
      "000000006ab13b80",
      `03${"672f31"}`,
      "0000000000000000",
      "0000000000011170",
      "5a".repeat(32),
    ].join("");
    const message = cosignedMessage("w", time, { origin: "g/1", size: 70_000, root });
    expect(Buffer.from(message!).toString("hex")).toBe(hex);
  });

  test("is the time and the signature, and verifies", () => {
    const signature = line();
    expect(signature).toHaveLength(2428);
    expect(cosignedTime(signature)).toBe(time);
    expect(verifier.verify(checkpoint, signature)).toBe(true);
  });

  test("of a witness is bound to the witness's name and to the log's origin", () => {
    const witness = mldsa44Verifier("witness.example", publicKey);
    const signature = line(checkpoint, "witness.example");
    expect(witness.verify(checkpoint, signature)).toBe(true);
    expect(verifier.verify(checkpoint, signature)).toBe(false);
    expect(witness.verify({ ...checkpoint, origin: "gw.example/ledger/2" }, signature)).toBe(false);
  });

  test("covers origin, size, root and time", () => {
    const signature = line();
    expect(verifier.verify({ ...checkpoint, size: 70_001 }, signature)).toBe(false);
    expect(verifier.verify({ ...checkpoint, root: new Uint8Array(32) }, signature)).toBe(false);
    expect(verifier.verify({ ...checkpoint, origin: `${origin}0` }, signature)).toBe(false);
    const later = Uint8Array.from(signature);
    later[7]! ^= 1;
    expect(verifier.verify(checkpoint, later)).toBe(false);
  });

  test("with a changed byte, cut or lengthened does not verify and does not throw", () => {
    const signature = line();
    fc.assert(
      fc.property(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(signature);
        changed[at]! ^= change;
        expect(verifier.verify(checkpoint, changed)).toBe(false);
      }),
      { numRuns: 40 },
    );
    for (const length of [0, 7, 8, 64, 2420, 2427, 2429]) {
      const other = new Uint8Array(length);
      other.set(signature.subarray(0, length));
      expect(verifier.verify(checkpoint, other), `${length} bytes`).toBe(false);
    }
  });

  test("with a time from 2^63 on is none, even when signed", () => {
    expect(verifier.verify(checkpoint, line(checkpoint, origin, 2n ** 63n))).toBe(false);
    expect(verifier.verify(checkpoint, line(checkpoint, origin, 2n ** 63n - 1n))).toBe(true);
  });

  test("cannot be made for a name or an origin of more than 255 bytes", () => {
    expect(cosignedMessage("ü".repeat(128), time, checkpoint)).toBeUndefined();
    expect(cosignedMessage("ü".repeat(127), time, checkpoint)).toBeDefined();
    expect(cosignedMessage("w", time, { ...checkpoint, origin: "o".repeat(256) })).toBeUndefined();
    expect(mldsa44Verifier("o".repeat(256), publicKey).verify(checkpoint, line())).toBe(false);
  });
});

describe("an ML-DSA-44 verifier key", () => {
  test("has the key id of the specification: SHA-256 of name, newline, type and key", () => {
    const id = createHash("sha256").update(`${origin}\n`).update(Uint8Array.of(6)).update(publicKey).digest();
    expect(verifier.keyId).toBe(id.readUInt32BE());
    expect(mldsa44Vkey(origin, publicKey).split("+")[1]).toBe(id.toString("hex", 0, 4));
  });

  test("makes the verifier of its lines", () => {
    const made = checkpointVerifier(mldsa44Vkey(origin, publicKey));
    if (!made.ok) throw new Error(made.detail);
    expect(made.value.verify(checkpoint, line())).toBe(true);
  });

  test("of another length makes none", () => {
    const short = publicKey.subarray(1);
    const vkey = formatVkey({ name: origin, keyId: noteKeyId(origin, 6, short), type: 6, publicKey: short });
    expect(checkpointVerifier(vkey)).toMatchObject({ ok: false, reject: "VKEY_MALFORMED" });
  });
});

test("the ML-DSA-44 of the lines makes the keys and signatures that C2SP CCTV has accumulated", () => {
  // ML-DSA/accumulated, 100 iterations: seeds from one SHAKE128 of nothing, keys and signatures of nothing into another.
  const seeds = shake128.create();
  const accumulated = shake128.create({ dkLen: 32 });
  const empty = new Uint8Array(0);
  for (let iteration = 0; iteration < 100; iteration++) {
    const keys = ml_dsa44.keygen(seeds.xof(32));
    const signature = ml_dsa44.sign(empty, keys.secretKey, { extraEntropy: false });
    expect(ml_dsa44.verify(signature, empty, keys.publicKey)).toBe(true);
    accumulated.update(keys.publicKey).update(signature);
  }
  const published = "d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4";
  expect(Buffer.from(accumulated.digest()).toString("hex")).toBe(published);
}, 60_000);

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly ctx?: string;
      readonly result: "valid" | "invalid";
    }[];
  }[];
}

needsVectors("wycheproof-mldsa44-verify.json")("the ML-DSA-44 of the lines", () => {
  test("decides every published vector as published", () => {
    const { testGroups } = sharedVectors<Wycheproof>("wycheproof-mldsa44-verify.json");
    let cases = 0;
    for (const group of testGroups) {
      for (const { tcId, msg, sig, ctx, result } of group.tests) {
        const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
        const context = ctx === undefined ? {} : { context: bytes(ctx) };
        const holds = () => {
          try {
            return ml_dsa44.verify(bytes(sig), bytes(msg), bytes(group.publicKey), context);
          } catch {
            // A key or a context of a wrong length.
            return false;
          }
        };
        expect(holds(), `case ${tcId}`).toBe(result === "valid");
        cases++;
      }
    }
    expect(cases).toBe(180);
  });
});
