import { generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { encodeBase64 } from "../../../src/ledger/base64.ts";
import { formatCheckpoint, signCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { explainProof } from "../../../src/ledger/explain-proof.ts";
import { formatVkey, noteKeyId } from "../../../src/ledger/note.ts";
import { type Policy, parsePolicy } from "../../../src/ledger/policy.ts";
import { formatProofFile } from "../../../src/ledger/proof-file.ts";
import { inclusionProof } from "../../../src/ledger/prove.ts";
import { verifyProof } from "../../../src/ledger/verify-proof.ts";
import { entryOf } from "../../support/ledger-entries.ts";
import { logKeys, SignedLog } from "../../support/signed-log.ts";

const log = new SignedLog(Array.from({ length: 300 }, (_, index) => entryOf("myco-1", index + 1)));
const leafIndex = 258;
let good: string;
let policy: Policy;

beforeAll(async () => {
  good = await log.proof(leafIndex);
  policy = policyFrom(log.policy);
});

function policyFrom(text: string): Policy {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

const check = (text: string | Uint8Array, by = policy) => verifyProof(Buffer.from(text as Uint8Array), by);
const reasonOf = (text: string | Uint8Array, by?: Policy) => {
  const result = check(text, by);
  return result.ok ? "valid" : result.reject;
};
/** The proof file with another checkpoint note. */
const withNote = (note: string) => `${good.slice(0, good.indexOf("\n\n") + 2)}${note}`;

describe("a valid proof", () => {
  test("says which leaf of which log, and who signed", () => {
    const result = check(good);
    expect(result).toMatchObject({
      ok: true,
      value: {
        leafIndex,
        checkpoint: { origin: log.origin, size: 300 },
        signedWith: ["ed25519", "mldsa44"],
        witnessedBy: [],
      },
    });
    expect(result.ok && Buffer.from(result.value.leaf)).toEqual(Buffer.from(log.entries[leafIndex]!));
  });

  test("is told in plain words, with the reading", () => {
    const { valid, verdict, facts } = explainProof([Buffer.from(good)], log.policy);
    expect([valid, verdict]).toEqual([true, "Valid: the log holds exactly this entry."]);
    expect(Object.fromEntries(facts)).toMatchObject({
      log: log.origin,
      entry: "258, in the log of 300 entries that was signed",
      "signed with": "Ed25519 and ML-DSA-44 (post-quantum)",
      content: "a message of the device myco-1",
      temp: "21.7 C",
    });
  });

  test("exists for every leaf", async () => {
    for (let leaf = 0; leaf < log.size; leaf += 23) expect(reasonOf(await log.proof(leaf))).toBe("valid");
  });

  test("of a log with one leaf has no hashes", async () => {
    const one = new SignedLog([entryOf("myco-1")]);
    expect(reasonOf(await one.proof(0), policyFrom(one.policy))).toBe("valid");
  });
});

describe("refused is", () => {
  test("every file with one bit changed", () => {
    const bytes = Buffer.from(good);
    const { length } = bytes;
    // Of the ML-DSA signature, a long line at the end, one bit in each character; of everything else all.
    const postQuantum = good.lastIndexOf("\n\u2014 ") + 1;
    const memoized = memoizing(policy);
    for (let at = 0; at < length; at++) {
      const bits = at < postQuantum + 60 ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8];
      for (const bit of bits) {
        bytes[at]! ^= 1 << bit;
        if (verifyProof(bytes, memoized).ok) expect.fail(`bit ${bit} of byte ${at} is not noticed`);
        bytes[at]! ^= 1 << bit;
      }
    }
    expect(verifyProof(bytes, memoized).ok).toBe(true);
  }, 180_000);

  test("a checkpoint with either signature line stripped", async () => {
    const note = await log.note();
    const [text, lines] = [note.slice(0, note.indexOf("\n\n") + 2), note.trimEnd().split("\n").slice(-2)];
    expect(reasonOf(withNote(`${text}${lines[0]}\n`))).toBe("SIGNATURE_MISSING");
    expect(reasonOf(withNote(`${text}${lines[1]}\n`))).toBe("SIGNATURE_MISSING");
    expect(reasonOf(withNote(`${text}${lines[1]}\n${lines[0]}\n`))).toBe("valid");
  });

  test("a known key's line that does not hold, beside one of it that does", async () => {
    const note = await log.note();
    const { signers, vkeys } = log.keys;
    const other = await signCheckpoint({ origin: log.origin, size: 1, root: log.root }, [signers[0]!]);
    expect(vkeys).toHaveLength(2);
    expect(reasonOf(withNote(`${note}${other.split("\n").at(-2)}\n`))).toBe("SIGNATURE_INVALID");
  });

  test("another log, also one with a name of the policy", async () => {
    const stranger = new SignedLog(log.entries, { origin: "elsewhere.test/log" });
    expect(reasonOf(await stranger.proof(leafIndex))).toBe("LOG_UNKNOWN");
    const impostor = new SignedLog(log.entries, { keys: { ...logKeys("x"), signers: logKeys("elsewhere").signers } });
    expect(reasonOf(await impostor.proof(leafIndex))).toBe("SIGNATURE_MISSING");
  });

  test("an index that is not below the size, and one that is another leaf's", () => {
    for (const index of [300, 301, 2 ** 53 - 1]) {
      expect(reasonOf(good.replace("index 258", `index ${index}`))).toBe("INCLUSION_INVALID");
    }
    expect(reasonOf(good.replace("index 258", "index 259"))).toBe("INCLUSION_INVALID");
    for (const index of ["9007199254740992", "0258", "-1", "+258", "2e2", "", "258 ", "١"]) {
      expect(reasonOf(good.replace("index 258", `index ${index}`)), index).toBe("PROOF_MALFORMED");
    }
  });

  test("a path that is longer or shorter than it should be", () => {
    const hash = encodeBase64(new Uint8Array(32));
    const hashLine = /^[A-Za-z0-9+/]{43}=\n/m;
    expect(reasonOf(good.replace("\n\n", `\n${hash}\n\n`))).toBe("INCLUSION_INVALID");
    expect(reasonOf(good.replace("index 258\n", `index 258\n${hash}\n`))).toBe("INCLUSION_INVALID");
    expect(reasonOf(good.replace(hashLine, ""))).toBe("INCLUSION_INVALID");
    expect(reasonOf(good.replace("\n\n", `\n${`${hash}\n`.repeat(60)}\n`))).toBe("PROOF_MALFORMED");
    expect(reasonOf(good.replace("\n\n", `\n${`${hash}\n`.repeat(1_000_000)}\n`))).toBe("PROOF_MALFORMED");
  });

  test("a proof without its leaf, or with another one", async () => {
    expect(reasonOf(good.replace(/^extra .*\n/m, ""))).toBe("LEAF_MISSING");
    const hashes = await inclusionProof(leafIndex, log.size, log.readTile);
    const checkpoint = await log.note();
    const other = formatProofFile({ leaf: log.entries[0]!, leafIndex, hashes, checkpoint });
    expect(reasonOf(other)).toBe("INCLUSION_INVALID");
  });

  test.each([
    ["nothing", ""],
    ["another version", "c2sp.org/tlog-proof@v2\nindex 0\n\n"],
    ["a byte order mark", "\ufeffc2sp.org/tlog-proof@v1\nindex 0\n\n"],
    ["Windows line ends", "c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\n"],
    ["two extra lines", "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n\n"],
    ["base64 without padding", "c2sp.org/tlog-proof@v1\nextra AA\nindex 0\n\n"],
    ["a hash of 31 bytes", `c2sp.org/tlog-proof@v1\nindex 0\n${encodeBase64(new Uint8Array(31))}\n\n`],
    ["a leaf that no bundle could hold", `c2sp.org/tlog-proof@v1\nextra ${"A".repeat(87_384)}\nindex 0\n\n`],
  ])("%s", (_name, text) => expect(reasonOf(text)).toBe("PROOF_MALFORMED"));

  test("bytes that are no text", () => expect(reasonOf(Uint8Array.of(0xff, 0xfe))).toBe("PROOF_MALFORMED"));
});

test("any bytes are proven or refused, also those that begin like a proof", () => {
  const pieces = fc.constantFrom(
    "c2sp.org/tlog-proof@v1\n",
    "extra ",
    "index ",
    "0\n",
    "\n",
    "AAAA",
    "\u2014 ",
    log.origin,
  );
  const file = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(fc.oneof(pieces, fc.string()), { maxLength: 20 }).map((parts) => Buffer.from(parts.join(""))),
    fc.tuple(fc.nat(good.length), fc.string()).map(([at, text]) => Buffer.from(good.slice(0, at) + text)),
  );
  fc.assert(
    fc.property(file, (bytes) => {
      const { valid, verdict } = explainProof([bytes], log.policy);
      expect(valid || verdict.startsWith("This proof is not valid")).toBe(true);
    }),
    { numRuns: 500 },
  );
});

describe("witnesses", () => {
  const witness = (name: string) => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
    const keyId = noteKeyId(name, 0x04, raw);
    const line = (text: string, time: bigint) => {
      const stamp = Buffer.alloc(12);
      stamp.writeUInt32BE(keyId);
      stamp.writeBigUInt64BE(time, 4);
      const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), privateKey);
      return `\u2014 ${name} ${Buffer.concat([stamp, signature]).toString("base64")}\n`;
    };
    return { vkey: formatVkey({ name, keyId, type: 0x04, publicKey: raw }), line };
  };
  const [one, two, three] = ["w1.test", "w2.test", "w3.test"].map(witness) as [
    ReturnType<typeof witness>,
    ReturnType<typeof witness>,
    ReturnType<typeof witness>,
  ];
  const text = () => formatCheckpoint({ origin: log.origin, size: log.size, root: log.root });
  const cosigned = async (...lines: string[]) => withNote((await log.note()) + lines.join(""));
  const asking = (quorum: string) => {
    const lines = [one, two, three].map(({ vkey }, index) => `witness W${index + 1} ${vkey}\n`).join("");
    return policyFrom(log.policy.replace("quorum none\n", `${lines}${quorum}\n`));
  };

  test("a quorum of them is needed where the policy asks for it", async () => {
    const twoOfThree = asking("group all-of-them 2 W1 W2 W3\nquorum all-of-them");
    const now = 1_760_000_000n;
    expect(reasonOf(good, twoOfThree)).toBe("QUORUM_MISSING");
    expect(reasonOf(await cosigned(one.line(text(), now)), twoOfThree)).toBe("QUORUM_MISSING");
    expect(reasonOf(await cosigned(one.line(text(), now), one.line(text(), now + 1n)), twoOfThree)).toBe(
      "QUORUM_MISSING",
    );
    const enough = await cosigned(three.line(text(), now), one.line(text(), now));
    expect(check(enough, twoOfThree)).toMatchObject({ ok: true, value: { witnessedBy: ["W1", "W3"] } });
    expect(reasonOf(enough, asking("quorum W2"))).toBe("QUORUM_MISSING");
  });

  test("a cosignature of something else is refused, also where none is needed", async () => {
    const line = one.line(formatCheckpoint({ origin: log.origin, size: 299, root: log.root }), 1n);
    expect(reasonOf(await cosigned(line), asking("quorum none"))).toBe("SIGNATURE_INVALID");
    // A line of a key that nobody listed says nothing.
    expect(reasonOf(await cosigned(line))).toBe("valid");
  });
});

/** The same policy; what was once verified with the same outcome is not computed again. */
function memoizing({ logs, ...rest }: Policy): Policy {
  const remembered = [...logs].map(([origin, keys]) => {
    const cached = keys.map((key) => {
      const known = new Map<string, boolean>();
      const { verify } = key.verifier;
      const verifier: typeof key.verifier = {
        ...key.verifier,
        verify: (checkpoint, signature) => {
          const id = `${formatCheckpoint(checkpoint)}${encodeBase64(signature)}`;
          const holds = known.get(id) ?? verify(checkpoint, signature);
          known.set(id, holds);
          return holds;
        },
      };
      return { ...key, verifier };
    });
    return [origin, cached] as const;
  });
  return { ...rest, logs: new Map(remembered) };
}
