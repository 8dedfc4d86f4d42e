/** Two built gateways on loopback, each the other's witness. */

import { once } from "node:events";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { originHash } from "../../gateway/witness/cosigned-heads.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { parsePolicy } from "../../src/ledger/policy.ts";
import { verifyProof } from "../../src/ledger/verify-proof.ts";
import { scratchDir } from "../support/scratch-dir.ts";
import {
  dataDirs,
  firstStart,
  type GatewayKeys,
  mycogate,
  policyOf,
  witnessSettings,
} from "../support/witnessing-gateways.ts";

const dir = scratchDir("witness-e2e");
const { a: dirA, b: dirB } = dataDirs(dir);
let keysA: GatewayKeys;
let keysB: GatewayKeys;
let portA: number;
let portB: number;
const running: GatewayProcess[] = [];

beforeAll(async () => {
  [keysA, keysB, portA, portB] = await Promise.all([firstStart(dirA), firstStart(dirB), freePort(), freePort()]);
});
afterEach(() => Promise.all(running.splice(0).map((gateway) => gateway.stop())));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

const urlOf = (port: number) => `http://127.0.0.1:${port}/witness`;
async function start(dataDir: string, port: number, settings: Record<string, string>): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start(dataDir, { MYCOGATE_HTTP_PORT: String(port), ...settings });
  running.push(gateway);
  return gateway;
}
const startA = () => start(dirA, portA, witnessSettings({ url: urlOf(portB), keys: keysB }, keysB.log));
const startB = () => start(dirB, portB, witnessSettings({ url: urlOf(portA), keys: keysA }, keysA.log));

const stateOf = async (gateway: GatewayProcess, leaf: number) =>
  (await gateway.request<{ state: string }>("GET", `/api/v1/entries/${leaf}`)).state;

describe("two gateways", () => {
  test("witness each other: both reach `witnessed`, their checkpoints and proofs carry the cosignatures", async () => {
    const [a, b] = await Promise.all([startA(), startB()]);
    for (const gateway of [a, b]) {
      await gateway.request("POST", "/api/v1/devices", { id: "board-1" });
      await expect.poll(() => stateOf(gateway, 0), { timeout: 20_000 }).toBe("witnessed");
    }
    for (const [gateway, own, other] of [
      [a, keysA, keysB],
      [b, keysB, keysA],
    ] as const) {
      const note = parseNote(await gateway.text("/checkpoint"));
      expect(note.ok && note.value.signatures.length, "log and witness with two lines each").toBe(4);
      const policy = parsePolicy(policyOf(own, other));
      const proof = Buffer.from(await gateway.text("/api/v1/entries/0/proof"));
      const proven = policy.ok ? verifyProof(proof, policy.value) : policy;
      expect(proven).toMatchObject({ ok: true, value: { witnessedBy: ["w0", "w1"] } });
      expect((await gateway.stats()).witnesses).toMatchObject([{ up: true }]);
    }
    const origin = keysA.log[0]!.split("+")[0]!;
    const readBack = parseNote(await b.text(`/witness/${originHash(origin)}/checkpoint`));
    expect(readBack.ok && readBack.value.text.startsWith(`${origin}\n`)).toBe(true);
  });

  test("`ledger prove` and `ledger policy` on the command line carry the witness too", async () => {
    const leaf = join(dir, "leaf.tlog-proof");
    writeFileSync(leaf, await mycogate(dirA, "ledger", "prove", "0"));
    writeFileSync(join(dir, "policy"), policyOf(keysA, keysB));
    const said = await mycogate(dirA, "ledger", "verify-proof", leaf, "--policy", join(dir, "policy"));
    expect(said).toMatch(/^Valid/);
    expect(said).toContain("w0, w1");
  });

  test("a witness that is away costs nothing but the cosignatures, which come when it is back", async () => {
    const a = await startA();
    await a.request("POST", "/api/v1/devices", { id: "board-2" });
    const leaf = (await a.stats()).treeSize - 1;
    await expect.poll(async () => (await a.stats()).witnesses[0]?.up, { timeout: 10_000 }).toBe(false);
    const { dependencies } = await a.request<{ dependencies: Record<string, { status: string }> }>("GET", "/readyz");
    expect(dependencies.witnesses?.status).toBe("degraded");
    expect(await a.text("/metrics")).toMatch(/mycogate_witness_up\{url="[^"]+"\} 0/);
    await startB();
    await expect.poll(() => stateOf(a, leaf), { timeout: 30_000 }).toBe("witnessed");
  });
});

describe("a gateway put back to an older state", () => {
  test("is refused at the start by what its witness remembers, before it signs anything", async () => {
    const older = join(dir, "older");
    await Promise.all([startA(), startB()]).then(async ([a]) => {
      await expect
        .poll(async () => (await a.stats()).witnessedSize, { timeout: 20_000 })
        .toBe((await a.stats()).treeSize);
      await a.stop();
      running.splice(running.indexOf(a), 1);
      cpSync(dirA, older, { recursive: true });
    });
    const a = await startA();
    await a.request("POST", "/api/v1/devices", { id: "board-3" });
    const leaf = (await a.stats()).treeSize - 1;
    await expect.poll(() => stateOf(a, leaf), { timeout: 20_000 }).toBe("witnessed");
    await a.stop();
    running.splice(running.indexOf(a), 1);

    const signed = readFileSync(join(older, "ledger", "checkpoint"));
    const refused = start(older, portA, witnessSettings({ url: urlOf(portB), keys: keysB }, keysB.log)).then(
      // It may have been listening for a moment before the witness had answered.
      (gateway) => gateway.ended(),
    );
    await expect(refused).rejects.toThrow(/JOURNAL_ROLLED_BACK|entries of this log, but this ledger only/);
    expect(readFileSync(join(older, "ledger", "checkpoint")).equals(signed), "nothing was signed").toBe(true);
    rmSync(older, { recursive: true });
  });
});
