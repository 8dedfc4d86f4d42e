import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Checkpoint,
  type CheckpointSigner,
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from "../../../src/ledger/checkpoint.ts";
import { checkpointVerifier } from "../../../src/ledger/checkpoint-verifier.ts";
import { ed25519Signer, ed25519Vkey } from "../../../src/ledger/ed25519-line.ts";
import { emptyRoot, sha256 } from "../../../src/ledger/merkle.ts";
import { formatVkey, noteKeyId } from "../../../src/ledger/note.ts";

const origin = "gw.example/ledger/1";
const { privateKey } = generateKeyPairSync("ed25519");
const signer = ed25519Signer(origin, privateKey);
const checkpoint: Checkpoint = { origin, size: 70_000, root: new Uint8Array(sha256(Buffer.from("root"))) };

/** A signature type of the future, signing something else than the text. */
const other: CheckpointSigner = {
  name: origin,
  keyId: 0x0600_0001,
  sign: async ({ size }) => Uint8Array.of(9, size & 0xff),
  verify: ({ size }, signature) => signature.length === 2 && signature[1] === (size & 0xff),
};

describe("a checkpoint", () => {
  test("is exactly origin, size and root, each on a line", () => {
    expect(formatCheckpoint({ origin, size: 0, root: emptyRoot() })).toBe(
      "gw.example/ledger/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    );
    expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual({ ok: true, value: checkpoint });
  });

  test.each([
    ["a leading zero", (text: string) => text.replace("70000", "070000")],
    ["a sign", (text: string) => text.replace("70000", "+70000")],
    ["no size", (text: string) => text.replace("70000", "")],
    ["a size that a number cannot hold", (text: string) => text.replace("70000", "9007199254740993")],
    ["an empty origin", (text: string) => text.replace(origin, "")],
    ["a short root", (text: string) => text.replace(/\n[^\n]+\n$/, "\nAAAA\n")],
    ["an extension line", (text: string) => `${text}more\n`],
    ["no final newline", (text: string) => text.slice(0, -1)],
    ["nothing", () => ""],
  ])("with %s is refused", (_, change) => {
    expect(parseCheckpoint(change(formatCheckpoint(checkpoint)))).toMatchObject({
      ok: false,
      reject: "CHECKPOINT_MALFORMED",
    });
  });
});

describe("a signed checkpoint", () => {
  test("opens with the key that others are given", async () => {
    const note = await signCheckpoint(checkpoint, [signer]);
    expect(note).toMatch(/^gw\.example\/ledger\/1\n70000\n[^\n]{44}\n\n— gw\.example\/ledger\/1 [^\n]{92}\n$/);
    const verifier = checkpointVerifier(ed25519Vkey(origin, privateKey));
    if (!verifier.ok) throw new Error(verifier.detail);
    expect(openCheckpoint(note, origin, [verifier.value])).toEqual({ ok: true, value: checkpoint });
  });

  test("carries one line per signer and needs every line that is asked for", async () => {
    const both = await signCheckpoint(checkpoint, [signer, other]);
    expect(both.split("\n\n")[1]!.trim().split("\n")).toHaveLength(2);
    expect(openCheckpoint(both, origin, [signer, other]).ok).toBe(true);
    const stripped = await signCheckpoint(checkpoint, [signer]);
    expect(openCheckpoint(stripped, origin, [signer, other])).toMatchObject({ ok: false, reject: "SIGNATURE_MISSING" });
  });

  test("may carry lines of keys that nobody here knows", async () => {
    const stranger = ed25519Signer("witness.example", generateKeyPairSync("ed25519").privateKey);
    const note = await signCheckpoint(checkpoint, [stranger, signer]);
    expect(openCheckpoint(note, origin, [signer]).ok).toBe(true);
  });

  test("with a known line that does not verify is refused, also beside one that does", async () => {
    const forger: CheckpointSigner = { ...signer, sign: () => new Uint8Array(64) };
    const note = await signCheckpoint(checkpoint, [signer, forger]);
    expect(openCheckpoint(note, origin, [signer])).toMatchObject({ ok: false, reject: "SIGNATURE_INVALID" });
  });

  test("of another log, even by the same key, is refused", async () => {
    const note = await signCheckpoint({ ...checkpoint, origin: "gw.example/ledger/2" }, [signer]);
    expect(openCheckpoint(note, origin, [signer])).toMatchObject({ ok: false, reject: "ORIGIN_MISMATCH" });
  });

  test("is refused after any change of one byte", async () => {
    const note = Buffer.from(await signCheckpoint(checkpoint, [signer]));
    for (let at = 0; at < note.length; at++) {
      for (const change of [1, 0x20, 0x80]) {
        const changed = Buffer.from(note);
        changed[at]! ^= change;
        expect(openCheckpoint(changed.toString("utf8"), origin, [signer]).ok, `byte ${at}`).toBe(false);
      }
    }
  });

  test("is opened or refused, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (note) => {
        expect(openCheckpoint(note, origin, [signer]).ok).toBe(false);
      }),
    );
  });
});

test("a verifier key of a unknown type, or of a wrong length, makes no verifier", () => {
  const vkey = (type: number, publicKey: Uint8Array) =>
    formatVkey({ name: origin, keyId: noteKeyId(origin, type, publicKey), type, publicKey });
  expect(checkpointVerifier(vkey(4, new Uint8Array(32)))).toMatchObject({ ok: false, reject: "VKEY_TYPE_UNKNOWN" });
  expect(checkpointVerifier(vkey(1, new Uint8Array(31)))).toMatchObject({ ok: false, reject: "VKEY_MALFORMED" });
  expect(checkpointVerifier("no key")).toMatchObject({ ok: false, reject: "VKEY_MALFORMED" });
});
