import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CompactTree } from "../../../src/ledger/compact-tree.ts";
import { explainDirectory } from "../../../src/ledger/explain-directory.ts";
import { leafHash, MerkleTree } from "../../../src/ledger/merkle.ts";
import { verifyDirectory } from "../../../src/ledger/verify-directory.ts";
import {
  ExportedLog,
  exportOf,
  growLedger,
  ledgerOfReadings,
  policyText,
  rememberingPolicy,
} from "../../support/exported-log.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";

const policy = rememberingPolicy();
const problemOf = async (log: ExportedLog) => (await verifyDirectory(log, policy)).problem;

test("the portable tree is the gateway's, at every size and on every tile level", () => {
  const [portable, fast] = [new CompactTree(), new MerkleTree()];
  const upper: Buffer[] = [];
  for (let size = 0; size < 700; size++) {
    expect(Buffer.from(portable.root()).equals(fast.root()), `size ${size}`).toBe(true);
    const leaf = leafHash(Buffer.from(`leaf ${size}`));
    portable.append(leaf);
    upper.push(Buffer.from(fast.append(leaf)[1] ?? []));
    if (size === 300) expect(portable.clone().root()).toEqual(portable.root());
  }
  expect(Buffer.concat(portable.hashesOf(1))).toEqual(Buffer.concat(upper));
  expect(portable.hashesOf(2)).toEqual([]);
});

describe("an exported log", () => {
  test("is valid as it was written, at any size, and says how much of it was checked", async () => {
    for (const count of [0, 1, 228, 231, 600]) {
      const log = await exportOf(await ledgerOfReadings(count));
      const report = await verifyDirectory(log, policy);
      expect(report, `${count} readings`).toMatchObject({ problem: undefined, pruned: 0, erased: 0, otherFiles: 0 });
      expect(report.entries).toBe(report.signed!.checkpoint.size);
      // Closed behind the batch of three that brings them to seven.
      expect(report.blocks).toBe(Math.floor(count / 9));
    }
  });

  test("without what an erased device sent, and without bundles that retention dropped, is valid, and says so", async () => {
    const erased = await verifyDirectory(await exportOf(await ledgerOfReadings(60, { erase: true })), policy);
    expect(erased).toMatchObject({ problem: undefined, erased: 20, pruned: 0 });
    const log = await exportOf(await ledgerOfReadings(900, { erase: true, pruneBefore: 700 }));
    expect(log.paths).not.toContain("tile/entries/000");
    const pruned = await verifyDirectory(log, policy);
    expect(pruned).toMatchObject({ problem: undefined, pruned: 768 });
    expect(pruned.entries).toBe(pruned.signed!.checkpoint.size - 768);
  });

  test("with other files beside it is valid; what an earlier export left of a tile must be its beginning", async () => {
    const dir = mkdtempSync(join(tmpdir(), "mycogate-grown-"));
    try {
      const files = await ledgerOfReadings(100);
      await exportOf(files, dir);
      await growLedger(files, 50);
      const log = (await exportOf(files, dir)).with("index.html", Buffer.from("<p>our log</p>"));
      expect(log.paths).toContain("tile/entries/000.p/111");
      expect(await verifyDirectory(log, policy)).toMatchObject({ problem: undefined, otherFiles: 1 });
      for (const file of ["tile/0/000.p/111", "tile/entries/000.p/111"]) {
        const bytes = Buffer.from(log.bytes(file));
        bytes[70]! ^= 1;
        expect(await problemOf(log.with(file, bytes))).toMatchObject({
          file,
          what: expect.stringContaining("beginning"),
        });
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("with a file missing, cut or lengthened is not, and the file is named", async () => {
    const log = await exportOf(await ledgerOfReadings(600));
    for (const file of log.paths) {
      const bytes = log.bytes(file);
      expect(await problemOf(log.with(file, undefined)), file).toMatchObject({ file });
      expect(await problemOf(log.with(file, bytes.subarray(0, -1))), file).toMatchObject({ file });
      expect(await problemOf(log.with(file, Buffer.concat([bytes, Buffer.of(0)]))), file).toMatchObject({ file });
    }
  });

  test("with an entry and its hash exchanged together is not: the seal of its block, or a hash above, gives it away", async () => {
    for (const count of [40, 600]) {
      const log = await exportOf(await ledgerOfReadings(count));
      const [tile, bundle] = log.paths.filter((path) => /^tile\/(0|entries)\/000/.test(path)) as [string, string];
      const entries = Buffer.from(log.bytes(bundle));
      const hashes = Buffer.from(log.bytes(tile));
      const length = entries.readUInt16BE(0);
      entries[length]! ^= 1;
      hashes.set(leafHash(entries.subarray(2, 2 + length)), 0);
      const problem = await problemOf(log.with(bundle, entries).with(tile, hashes));
      const [file, leafIndex, what] =
        count < 256
          ? [bundle, 9, "the seal of block 0 has another root than the entries of its block"]
          : ["tile/1/000.p/2", 0, expect.stringContaining("the entries from here on are not what was signed")];
      expect(problem).toEqual({ file, leafIndex, what });
    }
  });

  test("signed by one key only, by none of the policy, or not at all is not", async () => {
    const log = await exportOf(await ledgerOfReadings(10));
    const note = log.bytes("checkpoint").toString();
    const cases = [
      [note.slice(0, note.lastIndexOf("\u2014")), "SIGNATURE_MISSING"],
      [note.replaceAll("gw.test/ledger/1", "gw.test/ledger/2"), "LOG_UNKNOWN"],
      ["", "NOTE_MALFORMED"],
    ] as const;
    for (const [text, reject] of cases) {
      const report = await verifyDirectory(log.with("checkpoint", Buffer.from(text)), policy);
      expect(report).toMatchObject({ signed: undefined, entries: 0, problem: { file: "checkpoint", reject } });
    }
    expect(await problemOf(new ExportedLog(new Map()))).toEqual({
      what: "there is no signed checkpoint",
      file: "checkpoint",
    });
  });

  test("is told in plain words", async () => {
    const log = await exportOf(await ledgerOfReadings(60, { erase: true }));
    const valid = await explainDirectory(log, policyText);
    expect(valid).toMatchObject({
      valid: true,
      verdict: "Valid: every entry is the one that was signed, in its place.",
      facts: expect.arrayContaining([["signed with", "Ed25519 and ML-DSA-44 (post-quantum)"]]),
    });
    const file = log.paths.find((path) => path.startsWith("tile/entries/"))!;
    const bytes = Buffer.from(log.bytes(file));
    bytes[8]! ^= 1;
    expect(await explainDirectory(log.with(file, bytes), policyText)).toEqual({
      valid: false,
      reject: "LOG_INVALID",
      verdict: "This log is not valid: this entry is not the one that was signed.",
      facts: [
        ["file", file],
        ["leaf", "0"],
      ],
    });
    expect(await explainDirectory(log, "quorum")).toMatchObject({ valid: false, reject: "POLICY_INVALID" });
  });

  test("of any bytes is valid or not, and nothing is thrown", async () => {
    const log = await exportOf(await ledgerOfReadings(30, { erase: true }));
    const file = fc.constantFrom(...log.paths);
    const damage = fc.record({ file, bytes: fc.uint8Array({ maxLength: 3000 }), at: fc.nat(3000) });
    await fc.assert(
      fc.asyncProperty(damage, async ({ file, bytes, at }) => {
        const before = log.bytes(file);
        const changed = Buffer.concat([before.subarray(0, at), bytes, before.subarray(at + bytes.length)]);
        const { problem } = await verifyDirectory(log.with(file, changed), policy);
        expect(problem?.file).toBe(changed.equals(before) ? undefined : file);
      }),
    );
  });
});

test("an export after an erasure leaves nothing of the device behind, not even in narrower bundles of an earlier one", async () => {
  const dir = mkdtempSync(join(tmpdir(), "mycogate-erased-"));
  try {
    const files = new FaultyFiles();
    await growLedger(files, 100);
    await exportOf(files, dir);
    await growLedger(files, 50, { erase: true });
    const log = await exportOf(files, dir);
    for (const path of log.paths) expect(log.bytes(path).includes("dev-1henvelope"), path).toBe(false);
    expect(await verifyDirectory(log, policy)).toMatchObject({ problem: undefined });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
