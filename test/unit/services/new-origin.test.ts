import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Config, loadConfig } from "../../../gateway/config/config.ts";
import { ensureIdentity, findIdentity } from "../../../gateway/config/identity.ts";
import { findLedger } from "../../../gateway/config/ledgers.ts";
import { DataDirLock } from "../../../gateway/journal/data-dir-lock.ts";
import { journalDir, Ledger } from "../../../gateway/journal/ledger.ts";
import { openSigningKeys } from "../../../gateway/journal/signing-keys.ts";
import { EventLog } from "../../../gateway/registry/event-log.ts";
import { Registry } from "../../../gateway/registry/registry.ts";
import { replayEvents } from "../../../gateway/registry/replay-events.ts";
import { beginNewOrigin } from "../../../gateway/services/new-origin.ts";
import { decodeEntry } from "../../../src/ledger/entry.ts";
import { testDevice } from "../../support/envelopes.ts";
import { silent } from "../../support/ledger-workload.ts";

let config: Config;
let nowUs: number;
beforeEach(() => {
  config = loadConfig({ env: { MYCOGATE_DATA: mkdtempSync(join(tmpdir(), "mycogate-origin-")) }, cwd: "/" });
  nowUs = 1_790_000_000_000_000;
});
afterEach(() => rmSync(config.data, { recursive: true, force: true }));

async function withLedger<T>(use: (ledger: Ledger, registry: Registry) => Promise<T>): Promise<T> {
  const { ledgerOrigin: origin, ledgerDir } = ensureIdentity(config);
  const dir = join(config.data, ledgerDir);
  const keys = await openSigningKeys({
    keysDir: join(config.data, "keys"),
    ledgerDir: dir,
    origin,
    nowUs: () => nowUs,
  });
  const ledger = await Ledger.open({
    dir,
    origin,
    signers: keys.checkpointSigners,
    seals: keys.seals,
    nowUs: () => nowUs,
    log: silent,
    onFatal: () => {},
    // A few frames each.
    segmentBytes: 1024,
    checkpointIntervalMs: 0,
  });
  const registry = new Registry({ events: new EventLog(ledger), nowUs: () => nowUs++, onChange: () => {} });
  try {
    await replayEvents(ledger, registry);
    return await use(ledger, registry);
  } finally {
    await ledger.close();
    await keys.close();
  }
}

const devices = () => withLedger(async (_, registry) => registry.list());
const begin = () =>
  beginNewOrigin({ config, identity: findIdentity(config)!, reason: "a test", nowUs: () => nowUs, log: silent });

/** Two boards, one of them with a second key and one revoked, in journal files of a few frames. */
async function enrolSome(count = 2): Promise<void> {
  await withLedger(async (_, registry) => {
    for (let index = 0; index < count; index++) await registry.enrol({ id: `board-${index}`, publicKey: key(index) });
    await registry.rotate("board-0", key(100), 60);
    await registry.revoke("board-1", "lost");
  });
}

const key = (index: number) => testDevice(`key-${index}`).publicKey;

function filesOf(dir: string): Map<string, string> {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(names.map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name), "base64")]));
}

test("the devices are as they were, and not a byte of the old ledger changes", async () => {
  await enrolSome();
  const before = await devices();
  const old = findLedger(config);
  const files = filesOf(old.dir);
  const { begun, ended, events, unreadable } = await begin();
  expect({ origin: ended.origin, events, unreadable }).toEqual({ origin: old.origin, events: 4, unreadable: [] });
  expect(begun).toEqual({ origin: old.origin!.replace(/1$/, "2"), dir: "ledger-2" });
  expect(filesOf(old.dir)).toEqual(files);
  expect(existsSync(join(config.data, "ledger-2", "checkpoint")), "nothing is signed before the start").toBe(false);
  expect(await devices()).toEqual(before);
  expect(findLedger(config, old.origin)).toEqual(old);
  expect(() => findLedger(config, "x/ledger/1")).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
});

test("its first entry says what it follows, and why", async () => {
  await enrolSome();
  const { ended, begun } = await begin();
  await withLedger(async (ledger) => {
    const first = decodeEntry((await ledger.readEntry(0))!);
    expect(
      first.ok && first.value.kind === "event" && [first.value.type, Object.fromEntries(first.value.body)],
    ).toEqual([
      "ledger.origin_begun",
      {
        origin: begun.origin,
        previous_origin: ended.origin,
        previous_size: 4,
        previous_root: expect.any(Uint8Array),
        reason: "a test",
      },
    ]);
  });
});

test("a name whose folder is there already is not given out again, nor one that was ended", async () => {
  await enrolSome();
  mkdirSync(join(config.data, "ledger-2"));
  expect((await begin()).begun.dir).toBe("ledger-3");
  expect((await begin()).begun.dir).toBe("ledger-4");
  expect(findIdentity(config)!.endedLedgers.map(({ dir }) => dir)).toEqual(["ledger", "ledger-3"]);
  expect((await devices()).length).toBe(2);
});

test("a configured origin may stay the one of the first ledger", async () => {
  await enrolSome();
  const { origin } = findLedger(config);
  await begin();
  const env = { MYCOGATE_DATA: config.data, MYCOGATE_LEDGER_ORIGIN: origin! };
  expect(ensureIdentity(loadConfig({ env, cwd: "/" })).ledgerOrigin).toBe(findLedger(config).origin);
});

test("a damaged file costs what is in it, and the command says so", async () => {
  await enrolSome(20);
  const dir = journalDir(findLedger(config).dir);
  const segments = readdirSync(dir).filter((name) => name.endsWith(".wal"));
  expect(segments.length).toBeGreaterThan(3);
  const damaged = join(dir, segments[1]!);
  const bytes = readFileSync(damaged);
  bytes.fill(0xff, 300, 310);
  writeFileSync(damaged, bytes);
  const { events, unreadable } = await begin();
  expect(unreadable.length).toBe(1);
  const left = (await devices()).length;
  expect(left).toBeLessThan(20);
  expect(left).toBeGreaterThan(10);
  expect(events).toBeGreaterThan(10);
});

test("a checkpoint that is not to be believed is not quoted", async () => {
  await enrolSome();
  writeFileSync(join(findLedger(config).dir, "checkpoint"), "nonsense");
  await begin();
  await withLedger(async (ledger) => {
    const first = decodeEntry((await ledger.readEntry(0))!);
    expect(first.ok && first.value.kind === "event" && first.value.body.has("previous_size")).toBe(false);
  });
});

test("it is refused while a gateway runs", async () => {
  await enrolSome();
  const lock = await DataDirLock.acquire(config.data);
  await expect(begin()).rejects.toMatchObject({ code: "DATA_DIR_LOCKED" });
  await lock.release();
  expect(findIdentity(config)!.endedLedgers).toEqual([]);
});
