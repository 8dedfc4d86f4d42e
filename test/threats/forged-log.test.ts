/** Attacks on what a gateway publishes, carried out with the real keys where the attacker would have them. */
import { generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sealSigner } from "../../gateway/journal/seal-key.ts";
import { signCheckpoint } from "../../src/ledger/checkpoint.ts";
import { ed25519Signer, ed25519Vkey } from "../../src/ledger/ed25519-line.ts";
import { encodeEntry } from "../../src/ledger/entry.ts";
import { explainDirectory } from "../../src/ledger/explain-directory.ts";
import { keyEntry, rotationStatement } from "../../src/ledger/key-events.ts";
import { leafHash } from "../../src/ledger/merkle.ts";
import { formatVkey, signatureTypes } from "../../src/ledger/note.ts";
import { type Policy, parsePolicy } from "../../src/ledger/policy.ts";
import { verifyConsistency, verifyInclusion } from "../../src/ledger/proof.ts";
import { inclusionProof } from "../../src/ledger/prove.ts";
import type { Seal } from "../../src/ledger/seal.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { verifyDirectory } from "../../src/ledger/verify-directory.ts";
import { verifyProof } from "../../src/ledger/verify-proof.ts";
import {
  ExportedLog,
  exportOf,
  ledgerOfReadings,
  policyText,
  rememberingPolicy,
  signedByBoth,
} from "../support/exported-log.ts";
import { FaultyFiles } from "../support/faulty-files.ts";
import { entryOf } from "../support/ledger-entries.ts";
import { openLedger, seals } from "../support/ledger-workload.ts";
import { readingLeaf, record } from "../support/removal-support.ts";
import { logKeys, SignedLog } from "../support/signed-log.ts";
import { GrowingLog, openWitness, testSigner } from "../support/witnesses.ts";

function policyFrom(text: string): Policy {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

const verify = (proof: string, policy: string) => verifyProof(Buffer.from(proof), policyFrom(policy));

describe("stolen checkpoint keys", () => {
  const keys = logKeys("log.test/1");
  const truth = new GrowingLog(keys, "as it was ");
  const lie = new GrowingLog(keys, "rewritten ");
  let signer: Awaited<ReturnType<typeof testSigner>>;
  beforeAll(async () => {
    signer = await testSigner();
  });
  afterAll(() => signer.close());

  test("a log rewritten under the right keys gets no cosignature, and without one no policy that asks for it takes its proofs", async () => {
    const { witness } = await openWitness(new FaultyFiles(), signer, [keys]);
    expect((await witness.addCheckpoint(await truth.request(0, 20))).status).toBe(200);
    for (const size of [20, 30]) {
      const { status } = await witness.addCheckpoint(await lie.request(20, size));
      expect(status, `rewritten, ${size} entries`).toBe(422);
    }
    const entries = [entryOf("myco-1", 1), entryOf("myco-1", 2)];
    const proof = await new SignedLog(entries, { origin: "log.test/1", keys }).proof(1);
    const logLines = keys.vkeys.map((vkey) => `log ${vkey}\n`).join("");
    const { name, keyId } = signer.keys[0]!.verifier;
    const vkey = formatVkey({ name, keyId, type: signatureTypes.cosignature, publicKey: signer.keys[0]!.publicKey });
    const asking = `${logLines}witness w ${vkey}\nrequire ed25519+mldsa44\nquorum w\n`;
    expect(verify(proof, asking)).toMatchObject({ ok: false, reject: "QUORUM_MISSING" });
    expect(verify(proof, `${logLines}quorum none\n`).ok, "who asks no witness trusts the keys alone").toBe(true);
  });

  test("two histories leave two signed checkpoints that no consistency proof joins: evidence for everyone", async () => {
    const [one, other] = [truth.checkpoint(20), lie.checkpoint(30)];
    const proof = await lie.proof(20, 30);
    expect(verifyConsistency(20, 30, lie.checkpoint(20).root, other.root, proof)).toBe(true);
    expect(verifyConsistency(20, 30, one.root, other.root, proof)).toBe(false);
    expect(verifyConsistency(20, 30, one.root, other.root, await truth.proof(20, 30))).toBe(false);
  });
});

test("a gateway that drops an entry after its receipt is contradicted by the receipt: the leaf is not at its place", async () => {
  const entries = Array.from({ length: 9 }, (_, index) => entryOf("myco-1", index + 1));
  const receipt = { leafIndex: 4, leafHash: leafHash(entries[4]!) };
  const shown = new SignedLog(entries.filter((_, index) => index !== receipt.leafIndex));
  const proof = await inclusionProof(receipt.leafIndex, shown.size, shown.readTile);
  expect(verifyInclusion(4, shown.size, leafHash(entries[5]!), proof, shown.root)).toBe(true);
  expect(verifyInclusion(4, shown.size, receipt.leafHash, proof, shown.root)).toBe(false);
});

describe("a line that only seems to be the log's", () => {
  test("by another key under the log's name and key id, which is a hint and four bytes long, fails the proof", async () => {
    const log = new SignedLog([entryOf("myco-1", 1), entryOf("myco-1", 2)]);
    const [real, postQuantum] = log.keys.signers;
    const stranger = ed25519Signer(log.origin, generateKeyPairSync("ed25519").privateKey);
    const colliding = { ...stranger, keyId: real!.keyId };
    const checkpoint = { origin: log.origin, size: log.size, root: log.root };
    const good = await log.proof(0);
    const withSigners = async (signers: readonly (typeof colliding)[]) =>
      `${good.slice(0, good.indexOf("\n\n") + 2)}${await signCheckpoint(checkpoint, signers)}`;
    expect(verify(await withSigners([real!, postQuantum!]), log.policy).ok).toBe(true);
    for (const signers of [
      [colliding, postQuantum!],
      [real!, colliding, postQuantum!],
    ])
      expect(verify(await withSigners(signers), log.policy)).toMatchObject({ ok: false, reject: "SIGNATURE_INVALID" });
  });

  test("of one key only, the other stripped, fails the proof, whichever is left", async () => {
    const log = new SignedLog([entryOf("myco-1", 1), entryOf("myco-1", 2)]);
    const good = await log.proof(0);
    const checkpoint = { origin: log.origin, size: log.size, root: log.root };
    for (const signer of log.keys.signers) {
      const stripped = `${good.slice(0, good.indexOf("\n\n") + 2)}${await signCheckpoint(checkpoint, [signer])}`;
      expect(verify(stripped, log.policy)).toMatchObject({ ok: false, reject: "SIGNATURE_MISSING" });
    }
  });
});

describe("a forged seal", () => {
  const lies: readonly [string, (seal: Seal) => Partial<Seal>][] = [
    ["number", ({ number }) => ({ number: number + 1 })],
    ["first leaf", ({ startLeaf }) => ({ startLeaf: startLeaf + 1 })],
    ["count", ({ count }) => ({ count: count - 1 })],
    ["seal before it", () => ({ previousHash: new Uint8Array(32).fill(1) })],
    ["root of its block", () => ({ merkleRoot: new Uint8Array(32).fill(1) })],
    ["root before it", () => ({ treeRootBefore: new Uint8Array(32).fill(1) })],
  ];

  test.each(lies)(
    "with another %s is named in an exported log, though the right keys have signed over it",
    async (_, lie) => {
      const liar = { ...seals, sign: (seal: Seal) => seals.sign(seal.number === 1 ? { ...seal, ...lie(seal) } : seal) };
      const files = new FaultyFiles();
      const ledger = await openLedger(files, { ...signedByBoth, seals: liar });
      for (let at = 0; at < 30; at += 3)
        await record(
          ledger,
          [0, 1, 2].map((index) => readingLeaf("myco-1", at + index, Buffer.from("x"))),
          false,
        );
      await ledger.close();
      const log = await exportOf(files);
      const { problem } = await verifyDirectory(log, rememberingPolicy());
      expect(problem).toMatchObject({
        file: log.paths.find((path) => path.startsWith("tile/entries/")),
        leafIndex: 19,
      });
      expect(problem!.what).toContain("the seal of block 1 ");
    },
  );
});

describe("a seal with a forged signature, in a log that the right checkpoint keys have signed over", () => {
  const name = "gw.test/ledger/1#seals";
  const newKey = () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    return { privateKey, vkey: ed25519Vkey(name, privateKey), signer: sealSigner(privateKey) };
  };
  const [own, next, stranger] = [newKey(), newKey(), newKey()];

  /** The entry that a gateway writes at its first start, or when its key has a successor. */
  const introduces = ({ vkey }: typeof own) =>
    keyEntry({ type: "keys.introduced", keys: new Map([["seal", vkey]]) }, 1);
  const succeeds = () => {
    const keys = { role: "seal", previous: own.vkey, next: next.vkey } as const;
    const statement = rotationStatement(keys);
    const [endorsed, accepted] = [own, next].map(({ privateKey }) => sign(null, statement, privateKey));
    return keyEntry({ type: "key.rotated", ...keys, endorsed: endorsed!, accepted: accepted! }, 1);
  };

  /** Blocks of three entries; their seals are the leaves 3, 7, 11, … @param sealers of these blocks, the first one's of all others */
  async function logSealedBy(
    first: typeof own,
    sealers: Readonly<Record<number, typeof own>> = {},
    events: Readonly<Record<number, EventEntry>> = {},
  ): Promise<ExportedLog> {
    const liar = { ...seals, sign: (seal: Seal) => (sealers[seal.number] ?? first).signer.sign(seal) };
    const files = new FaultyFiles();
    const ledger = await openLedger(files, {
      signers: signedByBoth.signers,
      block: { leaves: 3, ms: 86_400_000 },
      seals: liar,
    });
    for (let block = 0; block < 6; block++) {
      const event = events[block];
      if (event !== undefined) await record(ledger, [encodeEntry(event)], true);
      const readings = Array.from({ length: event ? 2 : 3 }, (_, index) =>
        readingLeaf("myco-1", 3 * block + index, Buffer.from("x")),
      );
      await record(ledger, readings, false);
    }
    await ledger.close();
    return exportOf(files);
  }

  const naming = (...keys: readonly (typeof own)[]) => {
    const policy = rememberingPolicy();
    return { ...policy, seals: new Map([[name.replace("#seals", ""), keys.map(({ vkey }) => vkey)]]) };
  };
  const honest = () => logSealedBy(own, {}, { 0: introduces(own) });

  test("which nobody has forged, is valid with the keys that the log announces, and with those that the policy names", async () => {
    for (const policy of [naming(), naming(own)])
      expect(await verifyDirectory(await honest(), policy)).toMatchObject({
        problem: undefined,
        blocks: 6,
        signedSeals: 6,
        sealKeys: [own.vkey],
      });
    const log = await logSealedBy(own, { 3: next, 4: next, 5: next }, { 0: introduces(own), 2: succeeds() });
    for (const policy of [naming(), naming(own), naming(next)])
      expect(await verifyDirectory(log, policy)).toMatchObject({
        problem: undefined,
        signedSeals: 6,
        sealKeys: [own.vkey, next.vkey],
      });
  });

  test.each([
    ["by a stranger is named", { 4: stranger }, {}, "the seal of block 4 has a signature that does not verify", 19],
    [
      "by a key whose successor the log has announced is named",
      { 3: next, 5: next },
      { 2: succeeds() },
      "the seal of block 4 is signed with a key that had a successor by then",
      19,
    ],
    [
      "by a successor before its turn is named",
      { 2: next, 3: next, 4: next, 5: next },
      { 2: succeeds() },
      "the seal of block 2 has a signature that does not verify",
      11,
    ],
  ] as const)(
    "%s, with nothing but the policy of the checkpoint's keys",
    async (_, sealers, events, what, leafIndex) => {
      const log = await logSealedBy(own, sealers, { 0: introduces(own), ...events });
      for (const policy of [naming(), naming(own)]) {
        const { problem } = await verifyDirectory(log, policy);
        expect(problem).toEqual({ what, leafIndex, file: log.paths.find((path) => path.startsWith("tile/entries/")) });
      }
    },
  );

  test("by another key from the first leaf on, which the log announces, is found by a policy that names the right one", async () => {
    const log = await logSealedBy(stranger, {}, { 0: introduces(stranger) });
    const { problem } = await verifyDirectory(log, naming(own));
    expect(problem).toMatchObject({ what: expect.stringContaining("none of the seals' keys"), leafIndex: 0 });
    expect(await verifyDirectory(log, naming()), "who names none has the log's word alone").toMatchObject({
      problem: undefined,
      sealKeys: [stranger.vkey],
    });
  });

  test("of a key that neither the log nor the policy tells is not called checked", async () => {
    const log = await logSealedBy(stranger);
    expect(await verifyDirectory(log, naming())).toMatchObject({ problem: undefined, blocks: 6, signedSeals: 0 });
    const { facts } = await explainDirectory(log, policyText);
    expect(facts).toContainEqual(["seals", expect.stringContaining("the signatures of 6 NOT checked")]);
    const { problem } = await verifyDirectory(log, naming(own));
    expect(problem).toMatchObject({
      what: expect.stringContaining("the seal of block 0 is signed with none"),
      leafIndex: 3,
    });
  });

  test("is told in words, with the keys that have signed and who says so", async () => {
    const factOf = async (more: string) => {
      const { valid, facts } = await explainDirectory(await honest(), `${policyText}${more}`);
      return [valid, facts.find(([fact]) => fact === "seals")?.[1]];
    };
    const id = own.vkey.split("+", 2).join("+");
    expect(await factOf("")).toEqual([true, `signed with ${id}, as the log announces; the policy names none`]);
    expect(await factOf(`#seals ${own.vkey}\n`)).toEqual([
      true,
      `signed with ${id}, as the log announces and the policy names`,
    ]);
  });
});

describe("hostile files", () => {
  test("a log that claims 2^53 - 1 entries, signed by its keys, ends at the first file that is not there", async () => {
    const keys = logKeys("gw.test/ledger/1");
    for (const size of [2 ** 53 - 1, 2 ** 40, 1]) {
      const note = await signCheckpoint({ origin: "gw.test/ledger/1", size, root: new Uint8Array(32) }, keys.signers);
      const log = new ExportedLog(new Map([["checkpoint", Buffer.from(note)]]));
      const policy = policyFrom(
        keys.vkeys
          .map((vkey) => `log ${vkey}\n`)
          .join("")
          .concat("quorum none\n"),
      );
      const { problem } = await verifyDirectory(log, policy);
      expect(problem).toMatchObject({ what: "it is missing", leafIndex: 0 });
    }
  });

  test("names that climb out of the directory, or are no tiles of this log, are not read", async () => {
    const log = await exportOf(await ledgerOfReadings(20));
    const strange = ["../etc/passwd", "tile/0/../000", "tile/64/000", "tile/0/999", "tile/0/000.p/0", "tile/x/000", ""];
    const read: string[] = [];
    const directory = {
      paths: [...log.paths, ...strange],
      read: (path: string) => {
        read.push(path);
        return log.read(path);
      },
    };
    const report = await verifyDirectory(directory, rememberingPolicy());
    expect(report).toMatchObject({ problem: undefined, otherFiles: strange.length });
    expect(read.filter((path) => strange.includes(path))).toEqual([]);
  });

  test("a bundle of lengths that lead nowhere, or of more entries than it may have, is named", async () => {
    const log = await exportOf(await ledgerOfReadings(20));
    const file = log.paths.find((path) => path.startsWith("tile/entries/"))!;
    const bundle = log.bytes(file);
    const bundles = [
      Buffer.alloc(100_000),
      Buffer.alloc(100_000, 0xff),
      Buffer.concat([bundle, bundle]),
      Buffer.concat([Buffer.from([0, 0]), bundle]),
      Buffer.alloc(0),
    ];
    for (const bytes of bundles) {
      const { problem } = await verifyDirectory(log.with(file, bytes), rememberingPolicy());
      expect(problem).toMatchObject({ file, leafIndex: expect.any(Number) });
    }
  });

  test("proofs with an index beyond the log, a path too long, numbers beyond 2^53 or bytes behind the end are refused", async () => {
    const log = new SignedLog(Array.from({ length: 9 }, (_, index) => entryOf("myco-1", index + 1)));
    const good = await log.proof(4);
    expect(verify(good, log.policy).ok).toBe(true);
    const hash = `${Buffer.alloc(32).toString("base64")}\n`;
    const hostile = [
      good.replace("index 4", "index 9"),
      good.replace("index 4", "index 9007199254740992"),
      good.replace("index 4", `index ${"9".repeat(400)}`),
      good.replace("index 4\n", `index 4\n${hash}`),
      good.replace("index 4\n", `index 4\n${hash.repeat(64)}`),
      good.replace(`\n${log.size}\n`, "\n9007199254740992\n"),
      good.replace(`\n${log.size}\n`, `\n${log.size}\nextension\n`),
      `${good}\n`,
      `${good}\0`,
      good.repeat(2),
      "A".repeat(1_000_000),
    ];
    for (const proof of hostile) expect(verify(proof, log.policy).ok, proof.slice(0, 40)).toBe(false);
  });
});
