import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DataDirLock } from "../../gateway/journal/data-dir-lock.ts";
import { forEachEntry } from "../../gateway/journal/frame.ts";
import { JournalReader } from "../../gateway/journal/journal-reader.ts";
import { journalDir, Ledger } from "../../gateway/journal/ledger.ts";
import { openSigningKeys, publicKeys } from "../../gateway/journal/signing-keys.ts";
import { verifyLog } from "../../gateway/journal/verify-log.ts";
import { checkpointVerifier } from "../../src/ledger/checkpoint-verifier.ts";
import { noBlocks, silent } from "../support/ledger-workload.ts";

const origin = "gw.test/ledger/1";
const host = fileURLToPath(new URL("./journal-host.mjs", import.meta.url));
let dataDir: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "mycogate-journal-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(dataDir, { recursive: true, force: true });
});

/** Starts an appending process; returns once `acks` entries are acknowledged, with the process still at it. */
async function append(run: string, acks: number, acked: Map<number, string>): Promise<ChildProcess> {
  const started = spawn(process.execPath, [host, dataDir, run], { stdio: ["ignore", "pipe", "inherit"] });
  child = started;
  let seen = 0;
  await new Promise<void>((resolve, reject) => {
    started.once("exit", () => reject(new Error("the process ended by itself")));
    createInterface({ input: started.stdout! }).on("line", (line) => {
      const [index, text] = line.split(" ");
      // The pipe may end within a line.
      if (!/^\d+$/.test(index!) || !/^\w+-\d+$/.test(text ?? "")) return;
      acked.set(Number(index), text!);
      if (++seen === acks) resolve();
    });
  });
  return started;
}

async function kill(process: ChildProcess): Promise<void> {
  const closed = once(process, "close");
  process.kill("SIGKILL");
  await closed;
}

const nowUs = () => Date.now() * 1000;
const openKeys = () =>
  openSigningKeys({ keysDir: join(dataDir, "keys"), ledgerDir: join(dataDir, "ledger"), origin, nowUs });

async function verifiers() {
  const keys = await publicKeys(join(dataDir, "keys"), origin);
  return keys
    .filter(({ role }) => role === "checkpoint")
    .map(({ vkey }) => {
      const verifier = checkpointVerifier(vkey);
      if (!verifier.ok) throw new Error(verifier.detail);
      return verifier.value;
    });
}

test("whatever a process that is killed again and again has acknowledged is in the ledger, once and at its place", async () => {
  const acked = new Map<number, string>();
  for (let round = 0; round < 12; round++) await kill(await append(`run${round}`, 300 + 211 * round, acked));

  const dir = join(dataDir, "ledger");
  const keys = await openKeys();
  const ledger = await Ledger.open({
    dir,
    origin,
    signers: keys.checkpointSigners,
    seals: keys.seals,
    block: noBlocks,
    nowUs,
    log: silent,
    onFatal: (error) => expect.fail(error.message),
  });
  const entries: string[] = [];
  for await (const { bundle } of ledger.frames(0, ledger.durableSize)) {
    forEachEntry(bundle, (entry) => entries.push(Buffer.from(entry).toString()));
  }
  for (const [index, text] of acked) expect(entries[index]).toBe(text);
  expect(new Set(entries).size).toBe(entries.length);
  await ledger.close();
  await keys.close();
  expect(await verifyLog({ dir, verifiers: await verifiers() })).toMatchObject({
    ok: true,
    checkpointed: entries.length,
  });
});

test("while it runs, its log can be verified and followed from outside, and its directory is refused to a second one", async () => {
  const acked = new Map<number, string>();
  const running = await append("run", 2_000, acked);
  const report = await verifyLog({ dir: join(dataDir, "ledger"), verifiers: await verifiers() });
  expect(report.problem).toBeUndefined();
  expect(report.entries).toBeGreaterThanOrEqual(2_000);

  const reader = new JournalReader(journalDir(join(dataDir, "ledger")));
  for await (const { firstLeaf, bundle } of reader.frames(0, 2_000)) {
    forEachEntry(bundle, (entry, index) => {
      expect(Buffer.from(entry).toString()).toBe(acked.get(firstLeaf + index));
    });
  }
  await reader.close();

  await expect(DataDirLock.acquire(dataDir)).rejects.toMatchObject({
    code: "DATA_DIR_LOCKED",
    details: { pid: String(running.pid), host: expect.any(String), since: expect.stringMatching(/^20/) },
  });
  await kill(running);
  await (await DataDirLock.acquire(dataDir)).release();
});

test("the signing keys are made once, and are their owner's only", async () => {
  const first = await openKeys();
  const second = await openKeys();
  expect(second.checkpointSigners.map(({ keyId }) => keyId)).toEqual(first.checkpointSigners.map(({ keyId }) => keyId));
  await first.close();
  await second.close();
  for (const file of readdirSync(join(dataDir, "keys"))) {
    expect(statSync(join(dataDir, "keys", file)).mode & 0o777).toBe(0o600);
  }
  expect(statSync(join(dataDir, "keys")).mode & 0o777).toBe(0o700);
});
