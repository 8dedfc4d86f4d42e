/** Two built gateways on loopback, each the other's witness, set up and looked at as docs/guides/witness.md says. */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort, GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { originHash } from "../../gateway/witness/cosigned-heads.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { parsePolicy } from "../../src/ledger/policy.ts";
import { verifyProof } from "../../src/ledger/verify-proof.ts";
import { scratchDir } from "../support/scratch-dir.ts";
import { configure, fromGuide, type GatewayKeys, makeKeys, noDatabase } from "../support/witnessing-gateways.ts";

/** Each test goes on from where the one before has left the two. */
const dir = scratchDir("witness-e2e");
const [northDir, southDir, older] = [join(dir, "north"), join(dir, "south"), join(dir, "older")];
let [northKeys, southKeys]: GatewayKeys[] = [];
let [northPort, southPort]: number[] = [];
let north: GatewayProcess;
let south: GatewayProcess;
const running = new Set<GatewayProcess>();
const patience = { timeout: 60_000 };

beforeAll(async () => {
  [northKeys, southKeys] = await Promise.all([makeKeys(northDir), makeKeys(southDir)]);
  [northPort, southPort] = await Promise.all([freePort(), freePort()]);
  configure(northDir, southKeys, southPort);
  configure(southDir, northKeys, northPort);
});
afterAll(() => Promise.all([...running].map((gateway) => gateway.stop())));

async function start(dataDir: string, port = northPort!, settings: Record<string, string> = {}) {
  const gateway = await GatewayProcess.start(dataDir, {
    ...noDatabase,
    MYCOGATE_HTTP_PORT: String(port),
    ...settings,
  });
  running.add(gateway);
  return gateway;
}

async function stop(gateway: GatewayProcess): Promise<void> {
  running.delete(gateway);
  await gateway.stop();
}

/** @returns the leaf of its enrolment */
async function enrol(gateway: GatewayProcess, id: string): Promise<number> {
  await gateway.request("POST", "/api/v1/devices", { id });
  return (await gateway.stats()).treeSize - 1;
}

const stateOf = async (gateway: GatewayProcess, leaf: number) =>
  (await gateway.request<{ state: string }>("GET", `/api/v1/entries/${leaf}`)).state;

test("two gateways witness each other: entries become `witnessed`, the checkpoints carry the cosignatures", async () => {
  [north, south] = await Promise.all([start(northDir), start(southDir, southPort)]);
  for (const gateway of [north, south]) {
    const leaf = await enrol(gateway, "board-1");
    await expect.poll(() => stateOf(gateway, leaf), patience).toBe("witnessed");
    const note = parseNote(await gateway.text("/checkpoint"));
    expect(note.ok && note.value.signatures.length, "log and witness with two lines each").toBe(4);
    expect((await gateway.stats()).witnesses).toMatchObject([{ up: true }]);
  }
  const origin = northKeys!.log[0]!.split("+")[0]!;
  const readBack = parseNote(await south.text(`/witness/${originHash(origin)}/checkpoint`));
  expect(readBack.ok && readBack.value.text.startsWith(`${origin}\n`)).toBe(true);
}, 240_000);

test("`ledger policy` asks for the witness; a proof is valid by it, and not without the witness's lines", async () => {
  const said = await fromGuide("policy", dir);
  expect(said).toMatch(/^Valid/);
  expect(said).toContain("w1, w2");
  const policy = readFileSync(join(dir, "north.policy"), "utf8");
  expect(policy).toContain("require ed25519+mldsa44\n");
  const parsed = parsePolicy(policy);
  const verify = (text: string) => (parsed.ok ? verifyProof(Buffer.from(text), parsed.value) : parsed);
  const proof = readFileSync(join(dir, "leaf-0.tlog-proof"), "utf8");
  expect(verify(proof)).toMatchObject({ ok: true, value: { witnessedBy: ["w1", "w2"] } });
  for (const count of [1, 2]) {
    const stripped = southKeys!.witness.slice(0, count).map((vkey) => lineStart(vkey));
    const rest = proof.split("\n").filter((line) => !stripped.some((start) => line.startsWith(start)));
    expect(verify(rest.join("\n"))).toMatchObject({ ok: false, reject: "QUORUM_MISSING" });
  }
  expect(await fromGuide("keys", dir), "role witness").toContain(northKeys!.witness[1]);
}, 240_000);

/** Name and key id, as a signature line begins: 4 bytes are 5 whole base64 digits and a part of the sixth. */
function lineStart(vkey: string): string {
  const [name, keyId] = vkey.split("+") as [string, string];
  return `\u2014 ${name} ${Buffer.from(keyId, "hex").toString("base64").slice(0, 5)}`;
}

test("a witness that is away costs nothing but the cosignatures, which come when it is back", async () => {
  cpSync(northDir, older, { recursive: true });
  await stop(south);
  const leaf = await enrol(north, "board-2");
  await expect.poll(async () => (await north.stats()).witnesses[0]?.up, patience).toBe(false);
  const { dependencies } = await north.request<{ dependencies: Record<string, { status: string }> }>("GET", "/readyz");
  expect(dependencies.witnesses?.status).toBe("degraded");
  expect(await north.text("/metrics")).toMatch(/mycogate_witness_up\{url="[^"]+"\} 0/);
  south = await start(southDir, southPort);
  await expect.poll(() => stateOf(north, leaf), patience).toBe("witnessed");
}, 240_000);

test("threat: the disk was put back to a snapshot, with a witness. Refused at the start, before anything is signed", async () => {
  await stop(north);
  const signed = readFileSync(join(older, "ledger", "checkpoint"));
  const refused = start(older, northPort, { MYCOGATE_LEDGER_HOLD_SECONDS: "3600" }).then(
    // It may have been listening for a moment before the witness had answered.
    (gateway) => gateway.ended(),
  );
  await expect(refused).rejects.toThrow(/witness \S+ has \d+ entries of this log, but this ledger only \d+/);
  expect(readFileSync(join(older, "ledger", "checkpoint")).equals(signed), "nothing was signed").toBe(true);
}, 240_000);

test("threat: fork. Gone on while the witness was away, it is noticed when that is back: an alarm, and no signature more", async () => {
  await stop(south);
  const clone = await start(older, northPort, { MYCOGATE_LEDGER_HOLD_SECONDS: "0" });
  for (const id of ["board-3", "board-4"]) await enrol(clone, id);
  const unsigned = async () => {
    const { checkpointSize, treeSize } = await clone.stats();
    return treeSize - checkpointSize;
  };
  await expect.poll(unsigned, patience).toBe(0);
  await start(southDir, southPort);
  await expect.poll(async () => (await clone.stats()).alarms.join(), patience).toContain("another history");
  const { dependencies } = await clone.request<{ dependencies: Record<string, unknown> }>("GET", "/readyz");
  expect(dependencies.history).toMatchObject({ status: "down", detail: expect.stringContaining("another history") });
  expect(await clone.text("/metrics")).toMatch(/^mycogate_ledger_alarms [1-9]/m);
  const leaf = await enrol(clone, "board-5");
  await stop(clone);
  const note = readFileSync(join(older, "ledger", "checkpoint"), "utf8");
  expect(Number(note.split("\n")[1]), "what came after the alarm is not signed").toBe(leaf);
}, 240_000);
