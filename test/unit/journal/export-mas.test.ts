/** The second copy for MAS, held against MAS's own rules as they are told, in code that shares nothing with what wrote it. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MasExport } from "../../../gateway/journal/export-mas.ts";
import { PublishedLog } from "../../../gateway/journal/published-log.ts";
import { masBlockHash, masJson, masMerkleRoot, masTimestamp } from "../../../src/ledger/mas-chain.ts";
import { growLedger } from "../../support/exported-log.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { ledgerDir, origin } from "../../support/ledger-workload.ts";

const sha256 = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");

describe("the formulas are MAS's own, run there", () => {
  test("JSON text and data hash", () => {
    const text = '{"a": "\\u00e9", "b": 1, "c": [1.5, null, true]}';
    expect(masJson({ b: 1, a: "é", c: [1.5, null, true] })).toBe(text);
    expect(sha256(text)).toBe("77002c8b700bc113c67a42d2dcf6946323207a15fce51b5771580cc9d8e9ac3e");
    expect(masJson("\u007f\u{1f344}\n")).toBe('"\\u007f\\ud83c\\udf44\\n"');
  });

  test("Merkle root over hex text, an odd hash paired with itself", () => {
    const [a, b, c] = ["a", "b", "c"].map(sha256) as [string, string, string];
    expect(masMerkleRoot([a, b])).toBe("62af5c3cb8da3e4f25061e829ebeea5c7513c54949115b1acc225930a90154da");
    expect(masMerkleRoot([a, b, c])).toBe("0bdf27bf7ec894ca7cadfe491ec1a3ece840f117989e8c5e9bd7086467bf6c38");
    expect(masMerkleRoot([a])).toBe(a);
    expect(masMerkleRoot([])).toBe("0".repeat(64));
  });

  test("block hash, its time without a fraction on the full second", () => {
    const zeros = "0".repeat(64);
    const whole = Date.UTC(2026, 4, 1, 12) * 1000;
    expect(masTimestamp(whole)).toBe("2026-05-01T12:00:00+00:00");
    expect(masTimestamp(whole + 120)).toBe("2026-05-01T12:00:00.000120+00:00");
    expect(masBlockHash(1, zeros, masTimestamp(whole))).toBe(
      "1ce9065a9bf57100f92f7ff097cd34d3a63bab3deee3ccdf3a9cd5d4e583b74a",
    );
    expect(masBlockHash(1, zeros, masTimestamp(whole + 120))).toBe(
      "c295cefa1ba6a68de897aac43cc40b8011fa4b2f69093d4cb50c24920b8defad",
    );
  });
});

type Record = { readonly [key: string]: unknown };

/** What MAS's verifiers check, and what a careful reader can check besides. @returns what is wrong */
function masVerify(records: readonly Record[]): string[] {
  const flaws: string[] = [];
  const blocks = records.filter(({ record_type }) => record_type === "block");
  for (const [index, block] of blocks.entries()) {
    const { block_number, previous_hash, timestamp, block_hash } = block as { [key: string]: string };
    if (Number(block_number) !== index) flaws.push(`block ${index} is number ${block_number}`);
    if (index > 0 && previous_hash !== blocks[index - 1]!.block_hash) flaws.push(`block ${index} is not linked`);
    if (index > 0 && block_hash !== sha256(`${index}${previous_hash}${timestamp}`)) flaws.push(`block ${index} hash`);
    const hashes = records.flatMap((entry) =>
      entry.record_type === "entry" && Number(entry.block_number) === index ? [entry.data_hash as string] : [],
    );
    if (hashes.length !== Number(block.data_count)) flaws.push(`block ${index} count`);
    if (merkle(hashes) !== block.merkle_root) flaws.push(`block ${index} root`);
  }
  return flaws;
}

function merkle(level: string[]): string {
  if (level.length === 0) return "0".repeat(64);
  if (level.length === 1) return level[0]!;
  if (level.length % 2 === 1) level = [...level, level.at(-1)!];
  const next: string[] = [];
  for (let at = 0; at < level.length; at += 2) next.push(sha256(level[at]! + level[at + 1]!));
  return merkle(next);
}

describe("the export", () => {
  let dir: string;
  let files: FaultyFiles;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "mycogate-mas-"));
    files = new FaultyFiles();
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  async function exported<T>(use: (mas: MasExport) => Promise<T>): Promise<T> {
    const log = new PublishedLog({ dir: ledgerDir, files });
    try {
      return await use(new MasExport({ log, ledgerDir, files }));
    } finally {
      await log.close();
    }
  }

  const file = () => join(dir, "chain.jsonl");
  const jsonl = () => readFileSync(file(), "utf8");
  const recordsOf = (text: string): Record[] =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record);

  test("is a chain that MAS verifies, of every sealed block, in records of exactly its shape", async () => {
    await growLedger(files, 60);
    const report = await exported((mas) => mas.jsonl(file()));
    expect(report).toEqual({ origin, blocks: 6, entries: 54 });
    const records = recordsOf(jsonl());
    expect(masVerify(records)).toEqual([]);
    expect(records).toHaveLength(1 + 6 + 54);
    for (const [index, record] of records.entries()) {
      expect(Object.keys(record)).toEqual(
        record.record_type === "entry"
          ? ["block_number", "data_hash", "entry_id", "entry_type", "metadata", "record_type", "timestamp"]
          : ["block_hash", "block_number", "data_count", "merkle_root", "previous_hash", "record_type", "timestamp"],
      );
      // Written as it is hashed.
      expect(jsonl().split("\n")[index]).toBe(masJson(record as { [key: string]: string }));
    }
    const entry = records[1]!;
    expect(entry).toMatchObject({ block_number: 1, entry_id: `${origin}#0`, entry_type: "reading" });
    expect(entry.data_hash).toBe(sha256(masJson(entry.metadata as { [key: string]: string })));
    expect(entry.metadata).toMatchObject({ leaf_index: 0, log: origin, proves: expect.stringMatching(/^order only/) });
  });

  test("grows with the log, and does not change where a device was erased", async () => {
    await growLedger(files, 30);
    await exported((mas) => mas.jsonl(file()));
    const before = jsonl();
    await growLedger(files, 30, { erase: true });
    await exported((mas) => mas.jsonl(file()));
    expect(jsonl().startsWith(before)).toBe(true);
    expect(jsonl().length).toBeGreaterThan(before.length);
    expect(masVerify(recordsOf(jsonl()))).toEqual([]);
    expect(readdirSync(dir)).toEqual(["chain.jsonl"]);
  });

  test("shows order only: MAS notices a block that is gone, and not an entry that was changed", async () => {
    await growLedger(files, 60);
    await exported((mas) => mas.jsonl(file()));
    const records = recordsOf(jsonl());
    expect(masVerify(records.filter(({ block_number }) => block_number !== 3))).not.toEqual([]);
    const chainOnly = records.filter(({ record_type }) => record_type === "block");
    const forged = chainOnly.map((block) => ({ ...block, merkle_root: "0".repeat(64), data_count: 0 }));
    expect(masVerify(forged), "which is why the log's own proofs are beside it").toEqual([]);
  });

  test("as tables, has its entries in order by time, and says the same", async () => {
    await growLedger(files, 60);
    await exported((mas) => mas.jsonl(file()));
    expect(await exported((mas) => mas.tables(join(dir, "tables")))).toMatchObject({ blocks: 6, entries: 54 });
    const rows = (name: string) => {
      const [header, ...lines] = readFileSync(join(dir, "tables", `${name}.csv`), "utf8")
        .trimEnd()
        .split("\n");
      return lines.map((line) => {
        const cells = [...line.matchAll(/"((?:[^"]|"")*)"|([^,]+)/g)].map(
          ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!,
        );
        return Object.fromEntries(header!.split(",").map((name, index) => [name, cells[index]!]));
      });
    };
    const entries = rows("entries");
    for (const [index, { block_number, timestamp }] of entries.slice(1).entries()) {
      const before = entries[index]!;
      if (before.block_number === block_number) expect(timestamp! > before.timestamp!, `row ${index + 1}`).toBe(true);
    }
    const records = [
      ...rows("blocks").map((row) => ({ ...row, record_type: "block" })),
      ...entries.map((row) => ({ ...row, record_type: "entry" })),
    ];
    expect(masVerify(records)).toEqual([]);
    const told = recordsOf(jsonl()).filter(({ record_type }) => record_type === "entry");
    expect(entries.map(({ entry_id, metadata }) => [entry_id, JSON.parse(metadata!)])).toEqual(
      told.map(({ entry_id, metadata }) => [entry_id, metadata]),
    );
  });

  test("of entries that are not what was signed is refused, and leaves what was there", async () => {
    await growLedger(files, 30);
    await exported((mas) => mas.jsonl(file()));
    const before = jsonl();
    const checkpoint = files.bytes(`${ledgerDir}/checkpoint`);
    const at = checkpoint.indexOf("\n", checkpoint.indexOf("\n") + 1) + 1;
    checkpoint[at] = checkpoint[at] === 0x41 ? 0x42 : 0x41;
    await expect(exported((mas) => mas.jsonl(file()))).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
    expect(jsonl()).toBe(before);
    expect(readdirSync(dir)).toEqual(["chain.jsonl"]);
  });
});
