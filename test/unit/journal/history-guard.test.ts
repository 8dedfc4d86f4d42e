import { expect, test } from "vitest";
import { AnchorFile, anchorMemory } from "../../../gateway/journal/anchor-file.ts";
import { checkpointPath } from "../../../gateway/journal/checkpoint-file.ts";
import {
  type Contradiction,
  claimIn,
  contradictionIn,
  HistoryGuard,
  type OwnLog,
} from "../../../gateway/journal/history-guard.ts";
import { EventLog } from "../../../gateway/registry/event-log.ts";
import type { GatewayError } from "../../../src/errors.ts";
import { signCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { formatSignature } from "../../../src/ledger/note.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { ledgerDir, openLedger, silent } from "../../support/ledger-workload.ts";
import { logKeys } from "../../support/signed-log.ts";
import { GrowingLog, testSigner } from "../../support/witnesses.ts";

const keys = logKeys("log.test/1");
const log = new GrowingLog(keys);
const other = new GrowingLog(keys, "another ");

function own(size: number): OwnLog {
  return {
    origin: log.origin,
    verifiers: keys.signers,
    size: () => size,
    rootAt: async (size) => log.checkpoint(size).root,
  };
}

function guardOf(memories: readonly string[], patienceMs = 3_600_000) {
  const refusals: GatewayError[] = [];
  const alarms: Contradiction[] = [];
  const guard = new HistoryGuard({
    memories,
    patienceMs,
    log: silent,
    onRefuse: (error) => refusals.push(error),
    onAlarm: (contradiction) => alarms.push(contradiction),
  });
  let isCleared = false;
  void guard.cleared.then(() => {
    isCleared = true;
  });
  const cleared = async () => {
    await new Promise((turn) => setImmediate(turn));
    return isCleared;
  };
  return { guard, refusals, alarms, cleared };
}

const event = { kind: "event", type: "test.happened", receivedUs: 1, body: new Map() } as const;
const ahead = { source: "database", kind: "ahead", size: 9, ownSize: 7, note: undefined } as const;
const claim = { source: "witness w", kind: "claim", size: 9, ownSize: 7, note: undefined } as const;

test("signing waits for everybody who remembers, uploads only for those who can be asked", async () => {
  const { guard, cleared } = guardOf(["a", "b"]);
  const settled = guard.settled(3_600_000);
  guard.heard("a");
  expect(await cleared()).toBe(false);
  guard.missed("b");
  await settled;
  expect(await cleared()).toBe(false);
  expect(guard.waitingFor).toEqual(["b"]);
  guard.heard("b");
  expect(await cleared()).toBe(true);
});

test("nobody to ask, no wait; and without an answer signing goes on when the patience is over", async () => {
  expect(await guardOf([]).cleared()).toBe(true);
  const { guard } = guardOf(["a"], 1);
  guard.missed("a");
  await guard.settled(3_600_000);
  await guard.cleared;
  expect(guard.waitingFor).toEqual([]);
});

test("a contradiction before the first signature ends the start, and nothing is ever signed", async () => {
  const { guard, refusals, alarms, cleared } = guardOf(["database"]);
  const settled = guard.settled(3_600_000);
  guard.contradicted(ahead);
  await expect(settled).rejects.toMatchObject({ code: "JOURNAL_ROLLED_BACK", message: expect.stringContaining("9") });
  guard.heard("database");
  expect(await cleared()).toBe(false);
  expect(refusals.map(({ code }) => code)).toEqual(["JOURNAL_ROLLED_BACK"]);
  expect(alarms).toEqual([]);
});

test("a contradiction after it is an alarm, once; a claim without proof never is more", async () => {
  const { guard, refusals, alarms } = guardOf(["a"]);
  guard.contradicted(claim);
  guard.heard("a");
  for (const again of [1, 2]) guard.contradicted({ ...ahead, ownSize: again });
  expect(refusals).toEqual([]);
  expect(alarms.map(({ kind }) => kind)).toEqual(["claim", "ahead"]);
});

test("a claim by who is believed holds the first signature for good, and a proof still ends the start", async () => {
  const { guard, refusals, alarms, cleared } = guardOf(["a", "b"], 1);
  guard.contradicted(claim);
  expect(guard.isHeld).toBe(false);
  guard.contradicted({ ...claim, holds: true });
  for (const memory of ["a", "b"]) guard.heard(memory);
  guard.missed("a");
  await guard.settled(1);
  expect([await cleared(), guard.isHeld, guard.waitingFor]).toEqual([false, true, []]);
  expect(alarms.map(({ kind }) => kind)).toEqual(["claim"]);
  guard.contradicted(ahead);
  expect([guard.isHeld, refusals.map(({ code }) => code)]).toEqual([false, ["JOURNAL_ROLLED_BACK"]]);
});

test("a claim of whoever it is takes nothing back once something is signed", async () => {
  const { guard, refusals, alarms, cleared } = guardOf([]);
  guard.contradicted({ ...claim, holds: true });
  expect([await cleared(), guard.isHeld, refusals, alarms.length]).toEqual([true, false, [], 1]);
});

test("a checkpoint under keys that are not here is a claim, if who keeps it has cosigned it and it contradicts us", async () => {
  const [witness, stranger] = [await testSigner(), await testSigner("witness.test/w2")];
  const cosigners = witness.keys.map(({ verifier }) => verifier);
  const rotated = new GrowingLog(logKeys(log.origin));
  const kept = async (size: number, signer = witness, of = rotated) => {
    const lines = await signer.cosign(of.checkpoint(size), 7n);
    return `${await of.note(size)}${lines.map(formatSignature).join("")}`;
  };
  const claimed = async (note: string, size = 9) => {
    const found = await claimIn(note, own(size), cosigners);
    return found && [found.kind, found.size, found.ownSize, found.note === note];
  };
  expect(await claimed(await kept(12))).toEqual(["claim", 12, 9, true]);
  const fork = new GrowingLog(logKeys(log.origin), "another ");
  expect(await claimed(await kept(8, witness, fork))).toEqual(["claim", 8, 9, true]);
  expect(await claimed(await kept(9)), "what we have too").toBeUndefined();
  expect(await claimed(await rotated.note(12)), "on nobody's word").toBeUndefined();
  expect(await claimed(await kept(12, stranger)), "on a stranger's word").toBeUndefined();
  const spoilt = (await kept(12)).replace(/^(\u2014 witness\.test\/w1 .{60})./m, "$1!");
  expect(await claimed(spoilt)).toBeUndefined();
  const elsewhere = new GrowingLog(logKeys("elsewhere.test/1"));
  expect(await claimed(await kept(12, witness, elsewhere))).toBeUndefined();
  expect(await claimed("anything\n")).toBeUndefined();
  await Promise.all([witness.close(), stranger.close()]);
});

test("only what our keys have signed for our origin contradicts us", async () => {
  const kindOf = async (note: string, size = 9) => (await contradictionIn(note, own(size)))?.kind;
  expect(await kindOf(await log.note(9))).toBeUndefined();
  expect(await kindOf(await log.note(4))).toBeUndefined();
  expect(await kindOf(await log.note(10))).toBe("ahead");
  expect(await kindOf(await other.note(9)), "the same size, another root").toBe("fork");
  expect(await kindOf(await other.note(7)), "a smaller size, another root").toBe("fork");
  expect(await kindOf(await other.note(5)), "from before the histories part").toBeUndefined();
  const oneLine = await signCheckpoint(other.checkpoint(20), keys.signers.slice(0, 1));
  expect(await kindOf(oneLine), "one of our two keys").toBeUndefined();
  const stranger = new GrowingLog(logKeys("stranger.test/1"), "another ");
  expect(await kindOf(await stranger.note(20))).toBeUndefined();
  expect(await kindOf("anything\n")).toBeUndefined();
});

const path = "/mnt/anchor";

function anchorOf(files: FaultyFiles, options: { size?: number; isExpected?: boolean; endedOrigins?: string[] } = {}) {
  const { size = 9, isExpected = true, endedOrigins = [] } = options;
  const guarded = guardOf([anchorMemory(path)]);
  const { guard } = guarded;
  const anchor = new AnchorFile({ files, path, own: own(size), endedOrigins, isExpected, guard, log: silent });
  return { ...guarded, anchor };
}

function mounted(content?: string): FaultyFiles {
  const files = new FaultyFiles();
  if (content !== undefined) files.put(path, Buffer.from(content));
  return files;
}

test("an anchor gets every checkpoint, and agrees with the ledger that goes on from it", async () => {
  const files = mounted();
  const { anchor, cleared } = anchorOf(files, { isExpected: false });
  await anchor.start();
  expect(await cleared()).toBe(true);
  for (const size of [3, 4, 9]) anchor.keep(await log.note(size));
  await anchor.close();
  expect(files.bytes(path)!.toString()).toBe(await log.note(9));
  const next = anchorOf(files, { size: 12 });
  await next.anchor.start();
  expect(await next.cleared()).toBe(true);
  expect(next.anchor.state().status).toBe("ok");
});

test("an anchor that is ahead, or of another history, refuses the start and keeps what it has", async () => {
  for (const [note, code] of [
    [await log.note(12), "JOURNAL_ROLLED_BACK"],
    [await other.note(8), "LEDGER_FORKED"],
  ] as const) {
    const files = mounted(note);
    const { anchor, refusals } = anchorOf(files);
    await anchor.start();
    expect(refusals.map((error) => error.code)).toEqual([code]);
    anchor.keep(await log.note(9));
    await anchor.close();
    expect(files.bytes(path)!.toString()).toBe(note);
  }
});

test("an anchor that is ahead, or of another history, under keys that are not here is kept, holds the first signature, and is an alarm", async () => {
  const rotated = logKeys(log.origin);
  for (const note of [await new GrowingLog(rotated).note(12), await new GrowingLog(rotated, "another ").note(8)]) {
    const files = mounted(note);
    const { anchor, guard, refusals, alarms, cleared } = anchorOf(files);
    await anchor.start();
    expect([await cleared(), guard.isHeld]).toEqual([false, true]);
    expect(refusals).toEqual([]);
    expect(alarms.map(({ kind }) => kind)).toEqual(["claim"]);
    anchor.keep(await log.note(9));
    await anchor.close();
    expect(files.bytes(path)!.toString()).toBe(note);
    expect(anchor.state().status).toBe("degraded");
  }
});

test("an anchor of another log refuses the start, unless this gateway has ended that log", async () => {
  const files = mounted(await new GrowingLog(logKeys("log.test/0")).note(30));
  await expect(anchorOf(files).anchor.start()).rejects.toMatchObject({ code: "ANCHOR_MISMATCH" });
  const { anchor, cleared } = anchorOf(files, { endedOrigins: ["log.test/0"] });
  await anchor.start();
  expect(await cleared()).toBe(true);
  anchor.keep(await log.note(9));
  await anchor.close();
  expect(files.bytes(path)!.toString()).toBe(await log.note(9));
});

test("a file that is no checkpoint is not written over, and says nothing", async () => {
  const files = mounted("root:x:0:0\n");
  const { anchor, cleared } = anchorOf(files);
  await anchor.start();
  expect(await cleared()).toBe(false);
  anchor.keep(await log.note(9));
  await anchor.close();
  expect(files.bytes(path)!.toString()).toBe("root:x:0:0\n");
  expect(anchor.state()).toMatchObject({ status: "degraded", detail: expect.stringContaining("not a checkpoint") });
});

test("an anchor that is missing where there should be one keeps the signatures waiting, and is written after that", async () => {
  const files = mounted();
  const { anchor, cleared } = anchorOf(files);
  await anchor.start();
  expect(await cleared()).toBe(false);
  expect(anchor.state().status).toBe("degraded");
  anchor.keep(await log.note(9));
  await anchor.close();
  expect(anchor.state().status).toBe("ok");
});

test("entries are durable while signing waits, and are signed when it may", async () => {
  let clear = () => {};
  const cleared = new Promise<void>((resolve) => {
    clear = resolve;
  });
  const ledger = await openLedger(new FaultyFiles(), { cleared });
  await new EventLog(ledger).append(event);
  expect(ledger.durableSize).toBe(1);
  expect(ledger.latest).toBeUndefined();
  const signed = new Promise<number>((resolve) => ledger.onCheckpoint(({ checkpoint }) => resolve(checkpoint.size)));
  clear();
  expect(await signed).toBe(1);
  await ledger.close();
});

test("a checkpoint that something else has put there is noticed before the next is signed", async () => {
  const files = new FaultyFiles();
  let fatal: GatewayError | undefined;
  const ledger = await openLedger(files, {
    onFatal: (error) => {
      fatal = error;
    },
  });
  const older = files.bytes(checkpointPath(ledgerDir))!;
  await new EventLog(ledger).append(event);
  await expect.poll(() => ledger.checkpointSize, { timeout: 30_000 }).toBe(1);
  files.put(checkpointPath(ledgerDir), older);
  await new EventLog(ledger).append(event);
  await expect.poll(() => fatal?.code, { timeout: 30_000 }).toBe("CHECKPOINT_REPLACED");
  expect(files.bytes(checkpointPath(ledgerDir))).toEqual(older);
  await ledger.close().catch(() => undefined);
});
