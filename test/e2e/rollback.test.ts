/**
 * The built gateway on a data directory that was put back to an older state, or has lived through another history: refused
 * before anything is signed, by whoever outside of that disk remembers more. docs/adr/0067, docs/adr/0068
 */
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { runCli } from "../support/captured-cli.ts";
import { scratchDir } from "../support/scratch-dir.ts";
import { noDatabase } from "../support/witnessing-gateways.ts";

const running = new Set<GatewayProcess>();
afterAll(() => Promise.all([...running].map((gateway) => gateway.stop())));

async function start(dir: string, settings: Record<string, string>): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start(dir, settings);
  running.add(gateway);
  return gateway;
}

async function stop(gateway: GatewayProcess): Promise<void> {
  running.delete(gateway);
  await gateway.stop();
}

/** Resolves once these boards' enrolments are signed. */
async function enrol(gateway: GatewayProcess, ...boards: string[]): Promise<void> {
  for (const id of boards) await gateway.request("POST", "/api/v1/devices", { id });
  const unsigned = async () => {
    const { checkpointSize, treeSize } = await gateway.stats();
    return treeSize - checkpointSize;
  };
  await vi.waitUntil(async () => (await unsigned()) === 0, { timeout: 60_000 });
}

/** Starts a gateway that must not run. @returns what it says on standard error */
async function refusal(dir: string, settings: Record<string, string>): Promise<string> {
  const signed = readFileSync(join(dir, "ledger", "checkpoint"));
  const error = await start(dir, { ...settings, MYCOGATE_LEDGER_HOLD_SECONDS: "3600" })
    // It may have been listening for a moment before everybody had answered.
    .then((gateway) => gateway.ended())
    .catch((error: Error) => error);
  expect(readFileSync(join(dir, "ledger", "checkpoint")).equals(signed), "nothing was signed").toBe(true);
  return error.message;
}

async function cli(dir: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await runCli(args, dir, { MYCOGATE_DATA: dir });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out;
}

function newestSegment(dir: string): string {
  const journal = join(dir, "ledger", "journal");
  const segments = readdirSync(journal).filter((name) => name.endsWith(".wal"));
  return join(journal, segments.sort().at(-1)!);
}

/** The last frame of the journal is gone. */
function cutOff(dir: string): void {
  const segment = newestSegment(dir);
  truncateSync(segment, readFileSync(segment).length - 1);
}

describe("a ledger with an anchor file on another disk", () => {
  const scratch = scratchDir("rollback");
  const [dir, snapshot, wentOn] = [join(scratch, "data"), join(scratch, "snapshot"), join(scratch, "went-on")];
  const anchor = join(scratch, "anchor");
  const anchored = { ...noDatabase, MYCOGATE_LEDGER_ANCHOR_FILE: anchor };
  beforeAll(async () => {
    const gateway = await start(dir, anchored);
    await enrol(gateway, "board-1");
    for (const copy of [snapshot, wentOn]) cpSync(dir, copy, { recursive: true });
    await enrol(gateway, "board-2");
    await stop(gateway);
  }, 240_000);

  test("threat: snapshot rollback without a witness. Who has no memory goes on, consistent with itself; the anchor calls it a fork", async () => {
    const gateway = await start(wentOn, noDatabase);
    await enrol(gateway, "board-3", "board-4");
    await stop(gateway);
    expect(await cli(wentOn, "ledger", "verify")).toContain("every entry is in its place");
    expect(await refusal(wentOn, anchored)).toMatch(
      /anchor \S+ has another history of this log in its first \d+ entries[\s\S]*LEDGER_FORKED/,
    );
  }, 240_000);

  test("threat: journal truncated below a signed size. Refused by its own checkpoint", async () => {
    cutOff(dir);
    expect(await refusal(dir, noDatabase)).toMatch(
      /the journal holds \d+ entries, but \d+ are signed[\s\S]*JOURNAL_ROLLED_BACK/,
    );
  }, 240_000);

  test("threat: snapshot rollback. Refused by the anchor; a new origin begins with its devices, and the old log still verifies", async () => {
    expect(await refusal(snapshot, anchored)).toMatch(
      /anchor \S+ has \d+ entries of this log, but this ledger only \d+[\s\S]*Restore the newer copy[\s\S]*JOURNAL_ROLLED_BACK/,
    );
    const { ledgerOrigin: origin } = JSON.parse(readFileSync(join(snapshot, "gateway.json"), "utf8"));
    const journal = readFileSync(newestSegment(snapshot));
    const said = await cli(snapshot, "ledger", "new-origin", "--reason", "Monday's backup", "--yes");
    expect(said).toContain(`Ended  ${origin}`);

    const gateway = await start(snapshot, anchored);
    const next = origin.replace(/1$/, "2");
    await expect.poll(() => gateway.text("/checkpoint"), { timeout: 60_000 }).toMatch(`${next}\n`);
    expect(await gateway.request("GET", "/api/v1/devices/board-1")).toMatchObject({ id: "board-1" });
    await stop(gateway);
    expect(readFileSync(anchor, "utf8")).toMatch(`${next}\n`);
    expect(await cli(snapshot, "ledger", "verify")).toContain("every entry is in its place");
    const [first] = (await cli(snapshot, "ledger", "log")).split("\n");
    expect(first).toContain(`the ledger goes on as ${next} after ${origin}: Monday's backup`);
    expect(await cli(snapshot, "ledger", "verify", "--origin", origin)).toContain("every entry is in its place");
    expect(readFileSync(newestSegment(snapshot)).equals(journal)).toBe(true);
  }, 240_000);
});

test("threat: truncation above the signed size, and a fork, with a database that was not put back. Refused; a new origin gets its own tables", async () => {
  const dir = join(scratchDir("rollback-database"), "data");
  const put = (from: string, to: string) => {
    rmSync(join(dir, to), { recursive: true, force: true });
    cpSync(join(dir, from), join(dir, to), { recursive: true });
  };
  const first = await start(dir, {});
  await enrol(first, "board-1");
  put("ledger", "older");
  await enrol(first, "board-2");
  await first.databaseCaughtUp();
  await stop(first);
  put("ledger", "newer");

  put("older", "ledger");
  const other = await start(dir, noDatabase);
  await enrol(other, "board-3", "board-4");
  await stop(other);
  expect(await refusal(dir, {})).toMatch(
    /database has another history of this log in its first \d+ entries[\s\S]*LEDGER_FORKED/,
  );

  put("newer", "ledger");
  // Signed once an hour: what comes is durable, acknowledged and copied, and not yet signed.
  const seldom = await start(dir, { MYCOGATE_LEDGER_CHECKPOINT_INTERVAL_MS: "3600000" });
  await seldom.request("POST", "/api/v1/devices", { id: "board-5" });
  await seldom.databaseCaughtUp();
  running.delete(seldom);
  await seldom.kill();
  cutOff(dir);
  expect(await refusal(dir, {})).toMatch(
    /database has \d+ entries of this log, but this ledger only \d+[\s\S]*ROLLED_BACK/,
  );

  await cli(dir, "ledger", "new-origin", "--reason", "the disk has lost an entry", "--yes");
  const next = await start(dir, {});
  await enrol(next, "board-6");
  await next.databaseCaughtUp();
  await stop(next);
}, 360_000);
