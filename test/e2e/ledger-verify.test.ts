/** `mycogate ledger verify` of a log of many segments, with its threads, ended in the middle and gone on with. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import { scratchDir } from "../support/scratch-dir.ts";
import { StartedLedger } from "../support/started-ledger.ts";

const host = fileURLToPath(new URL("./ledger-verify-host.mjs", import.meta.url));
const entries = 1_500;
let cwd: string;
let journal: string;
let state: string;
/** Of the run that was killed. */
let lastErr: string;

beforeEach(async () => {
  cwd = scratchDir("verify");
  journal = join(cwd, "data", "ledger", "journal");
  state = join(cwd, "state");
  const started = await StartedLedger.start(cwd, {}, { leaves: 20, segmentBytes: 10_000 });
  await started.readings(entries, 50);
  await started.stop();
});

interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
  /** Numbers that the progress bar went over. */
  readonly shown: readonly number[];
}

async function run(args: readonly string[], signal = "none", at = 0): Promise<Run> {
  const env = { PATH: process.env.PATH!, XDG_STATE_HOME: state };
  const child = spawn(process.execPath, [host, signal, String(at), "ledger", "verify", ...args], { cwd, env });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    err += String(chunk);
  });
  const [code, killedBy] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  const shown = [...err.matchAll(/^shown (\d+)$/gm)].map(([, number]) => Number(number));
  return { code, signal: killedBy, out, err: err.replaceAll(/^shown \d+\n/gm, ""), shown };
}

const resume = () => run(["--resume", "--json"]);
const markPath = () =>
  join(
    state,
    "mycogate",
    readdirSync(join(state, "mycogate")).find((name) => /^verify-[0-9a-f]{16}\.mark$/.test(name))!,
  );
const mark = () =>
  JSON.parse(readFileSync(markPath(), "utf8").split("\n")[0]!) as { part: { state: { leaf: number } } };

/** A run that was killed when it had come to the middle. @returns entries that are kept of it */
async function killed(signal: NodeJS.Signals = "SIGKILL"): Promise<number> {
  const ended = await run([], signal, entries / 2);
  expect(ended).toMatchObject({ signal, out: "" });
  lastErr = ended.err;
  const { leaf } = mark().part.state;
  expect(leaf).toBeGreaterThanOrEqual(entries / 2);
  return leaf;
}

describe("a verification that is ended in the middle", () => {
  test.each(["SIGKILL", "SIGINT"] as const)("by %s goes on where it was, and comes to the same", async (signal) => {
    const whole = JSON.parse((await run(["--json"])).out) as Record<string, unknown>;
    expect(whole).toMatchObject({ ok: true, checkpointed: whole.entries });
    expect(readdirSync(join(state, "mycogate"))).toEqual(["verify-ed25519.pem"]);
    const kept = await killed(signal);
    if (signal === "SIGINT") expect(lastErr).toMatch(/the same command with --resume goes on from entry [1-9]/);
    const { code, out, err, shown } = await resume();
    expect([code, err]).toEqual([0, expect.stringMatching(/^\s*$/)]);
    expect(JSON.parse(out)).toEqual({ ...whole, resumedAt: kept, earlierRun: expect.any(String) });
    expect(Math.min(...shown)).toBeGreaterThanOrEqual(kept);
    // It has come to its end, so the next begins anew.
    const again = await resume();
    expect(again.err).toContain("beginning with the first entry: no verification of this ledger was interrupted");
    expect(JSON.parse(again.out)).toEqual(whole);
  });
});

describe("what is kept of a run", () => {
  test("by somebody else, or of files that have changed, is refused in words, and the run begins with the first entry", async () => {
    await killed();
    const own = readFileSync(markPath());
    const hostile = Buffer.from(own);
    hostile[hostile.indexOf('"leaf":') + 7]! ^= 1;
    writeFileSync(markPath(), hostile);
    const refused = await resume();
    expect(refused.err).toContain("is damaged, or is not of your making");
    expect(JSON.parse(refused.out)).not.toHaveProperty("resumedAt");
    expect(Math.min(...refused.shown)).toBeLessThan(entries / 2);

    await killed();
    const [first] = readdirSync(journal).sort();
    const bytes = readFileSync(join(journal, first!));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(journal, first!), bytes);
    const changed = await resume();
    expect(changed.err).toContain("have been written to or replaced since");
    expect(JSON.parse(changed.out)).toMatchObject({ ok: false, problem: { file: `journal/${first}` } });
    expect(changed.code).toBe(1);
  });
});
