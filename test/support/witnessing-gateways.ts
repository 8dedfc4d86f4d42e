/** Built gateways that witness each other, and what they show of it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";

export interface GatewayKeys {
  readonly log: readonly string[];
  readonly witness: readonly string[];
}

const run = promisify(execFile);

/** The command line of the built gateway. */
export async function mycogate(dataDir: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, MYCOGATE_DATA: dataDir };
  return (await run(process.execPath, [`${projectRoot}bin/mycogate.mjs`, ...args], { env })).stdout;
}

export async function keysOf(dataDir: string): Promise<GatewayKeys> {
  const keys: { role: string; vkey: string }[] = JSON.parse(await mycogate(dataDir, "key", "show", "--json"));
  const of = (wanted: string) => keys.filter(({ role }) => role === wanted).map(({ vkey }) => vkey);
  return { log: of("checkpoint"), witness: of("witness") };
}

/** Keys of a gateway that has run once and was stopped. */
export async function firstStart(dataDir: string): Promise<GatewayKeys> {
  await (await GatewayProcess.start(dataDir, witnessSettings(undefined, []))).stop();
  return keysOf(dataDir);
}

/** Settings of a gateway that asks `url` to cosign, and cosigns the logs with these keys. */
export function witnessSettings(peer: { url: string; keys: GatewayKeys } | undefined, logs: readonly string[]) {
  return {
    // Nothing listens there: these tests need no database.
    MYCOGATE_DATABASE_URL: "postgres://127.0.0.1:1/none",
    MYCOGATE_WITNESS_LOGS: JSON.stringify(logs),
    MYCOGATE_WITNESS_PEERS: JSON.stringify(peer ? [{ url: peer.url, vkeys: peer.keys.witness }] : []),
  };
}

export function policyOf({ log }: GatewayKeys, { witness }: GatewayKeys): string {
  const lines = witness.map((vkey, index) => `witness w${index} ${vkey}`);
  const group = `group all all ${witness.map((_, index) => `w${index}`).join(" ")}`;
  return `${[...log.map((vkey) => `log ${vkey}`), "require ed25519+mldsa44", ...lines, group, "quorum all"].join("\n")}\n`;
}

export function dataDirs(dir: string): { a: string; b: string } {
  return { a: join(dir, "a"), b: join(dir, "b") };
}
