import { createPublicKey, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatNote, formatVkey, isKeyName, noteKeyId, parseNote, parseVkey } from "../../../src/ledger/note.ts";

// The example of golang.org/x/mod/sumdb/note.
const neumannKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const neumannText =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const neumannNote = `${neumannText}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

function opened(note: string) {
  const result = parseNote(note);
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

describe("a signed note", () => {
  test("of another implementation is read, verifies and is written back byte for byte", () => {
    const note = opened(neumannNote);
    expect(note.text).toBe(neumannText);
    const key = parseVkey(neumannKey);
    if (!key.ok) throw new Error(key.detail);
    expect(note.signatures[0]).toMatchObject({ name: "PeterNeumann", keyId: key.value.keyId });
    const x = Buffer.from(key.value.publicKey).toString("base64url");
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    expect(verify(null, Buffer.from(note.text), publicKey, note.signatures[0]!.signature)).toBe(true);
    expect(formatNote(note)).toBe(neumannNote);
  });

  test("ends its text at the last blank line", () => {
    const note = opened("one\n\ntwo\n\n— n AAAAAAA=\n");
    expect(note.text).toBe("one\n\ntwo\n");
  });

  test.each([
    ["empty", ""],
    ["without signatures", "text\n\n"],
    ["without blank line", "text\n— n AAAAAAA=\n"],
    ["without final newline", "text\n\n— n AAAAAAA="],
    ["with a hyphen for the dash", "text\n\n- n AAAAAAA=\n"],
    ["with two spaces", "text\n\n—  n AAAAAAA=\n"],
    ["with something behind the signature", "text\n\n— n AAAAAAA= \n"],
    ["with a plus in the name", "text\n\n— n+m AAAAAAA=\n"],
    ["with a no-break space in the name", "text\n\n— n\u00a0m AAAAAAA=\n"],
    ["with a key id and no signature", "text\n\n— n AAAAAA==\n"],
    ["with base64 that is not canonical", "text\n\n— n AAAAAAB=\n"],
    ["with base64 without padding", "text\n\n— n AAAAAAA\n"],
    ["with URL-safe base64", "text\n\n— n AAAA_AA=\n"],
    ["with a carriage return", "text\r\n\n— n AAAAAAA=\n"],
    ["with a NUL", "te\0xt\n\n— n AAAAAAA=\n"],
    ["with an unpaired surrogate", "te\ud800xt\n\n— n AAAAAAA=\n"],
    ["with 101 signatures", `text\n\n${"— n AAAAAAA=\n".repeat(101)}`],
    ["longer than a note may be", `${"x".repeat(1_000_000)}\n\n— n AAAAAAA=\n`],
  ])("%s is refused", (_, note) => {
    expect(parseNote(note)).toMatchObject({ ok: false, reject: "NOTE_MALFORMED" });
  });

  test("may have a hundred signatures", () => {
    expect(opened(`text\n\n${"— n AAAAAAA=\n".repeat(100)}`).signatures).toHaveLength(100);
  });

  test("is parsed or refused, whatever the text, and never differently spelled", () => {
    const pieces = fc.array(fc.constantFrom("text", "\n", "\n\n", "— ", "name", " ", "AAAAAAA=", "+", "\r", "é"), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          pieces.map((parts) => parts.join("")),
        ),
        (note) => {
          const result = parseNote(note);
          if (result.ok) expect(formatNote(result.value)).toBe(note);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("a verifier key", () => {
  test("is written as it was read", () => {
    const key = parseVkey(neumannKey);
    if (!key.ok) throw new Error(key.detail);
    expect(formatVkey(key.value)).toBe(neumannKey);
    expect(noteKeyId("PeterNeumann", 1, key.value.publicKey)).toBe(0xc74f20a3);
  });

  test("keeps the leading zeros of its id", () => {
    for (let seed = 0; seed < 1000; seed++) {
      const publicKey = new Uint8Array(32).fill(seed).fill(seed >> 8, 16);
      const keyId = noteKeyId("n", 1, publicKey);
      expect(parseVkey(formatVkey({ name: "n", keyId, type: 1, publicKey }))).toMatchObject({
        ok: true,
        value: { keyId },
      });
    }
  });

  test.each([
    ["a foreign id", neumannKey.replace("c74f20a3", "c74f20a4")],
    ["an id in capitals", neumannKey.replace("c74f20a3", "C74F20A3")],
    ["another name", neumannKey.replace("Peter", "Petra")],
    ["no name", neumannKey.replace("PeterNeumann", "")],
    ["a space in its name", neumannKey.replace("PeterNeumann", "Peter Neumann")],
    ["no key", "PeterNeumann+c74f20a3+"],
    ["a damaged key", neumannKey.slice(0, -1)],
    ["nothing at all", ""],
  ])("with %s is refused", (_, vkey) => {
    expect(parseVkey(vkey)).toMatchObject({ ok: false, reject: "VKEY_MALFORMED" });
  });

  test("is named by a URL without scheme, and not by spaces, pluses or controls", () => {
    expect(isKeyName("gw42.example/ledger/2")).toBe(true);
    expect(isKeyName("münchen.example")).toBe(true);
    for (const name of ["", "a b", "a+b", "a\tb", "a\u2003b", "a\u0085b", "a\0b", "\ud800"])
      expect(isKeyName(name)).toBe(false);
  });
});
