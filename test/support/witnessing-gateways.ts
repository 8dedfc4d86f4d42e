/** Built gateways that witness each other, set up as docs/guides/witness.md says. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { loadConfig } from "../../gateway/config/config.ts";
import { ensureIdentity } from "../../gateway/config/identity.ts";
import { openSigningKeys, publicKeys } from "../../gateway/journal/signing-keys.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { openWitnessSigner, witnessVkeys } from "../../gateway/witness/witness-signer.ts";

export interface GatewayKeys {
  /** Ed25519, then ML-DSA-44. */
  readonly log: readonly string[];
  readonly witness: readonly string[];
}

/** Nothing listens there, and nobody waits for it long: these tests need no database. */
export const noDatabase = { MYCOGATE_DATABASE_URL: "postgres://127.0.0.1:1/none", MYCOGATE_LEDGER_HOLD_SECONDS: "1" };

const run = promisify(execFile);
const guide = readFileSync(`${projectRoot}docs/guides/witness.md`, "utf8");

/** A block of the guide, its commands run in `dir`. */
export async function fromGuide(block: string, dir: string): Promise<string> {
  const [, commands] = new RegExp(`^\`\`\`sh ${block}\\n([\\s\\S]*?)^\`\`\``, "m").exec(guide)!;
  const script = `mycogate() { "${process.execPath}" "${projectRoot}bin/mycogate.mjs" "$@"; }\n${commands}`;
  return (await run("bash", ["-euo", "pipefail", "-c", script], { cwd: dir })).stdout;
}

/** What a first start makes, without the start. */
export async function makeKeys(dataDir: string): Promise<GatewayKeys> {
  mkdirSync(dataDir, { recursive: true });
  const identity = ensureIdentity(loadConfig({ env: { MYCOGATE_DATA: dataDir }, cwd: dataDir }));
  const { ledgerOrigin: origin, ledgerDir, witnessName: name } = identity;
  const keysDir = join(dataDir, "keys");
  const keys = await openSigningKeys({ keysDir, ledgerDir: join(dataDir, ledgerDir), origin, nowUs: () => 1 });
  await keys.close();
  await (await openWitnessSigner({ keysDir, name })).close();
  const log = (await publicKeys(keysDir, origin)).filter(({ role }) => role === "checkpoint").map(({ vkey }) => vkey);
  return { log, witness: await witnessVkeys(keysDir, name) };
}

/** The configuration of the guide, for the keys of the other and the port where it listens. */
export function configure(dataDir: string, { log, witness }: GatewayKeys, port: number): void {
  const [, yaml] = /^```yaml\n(witness:\n {2}logs:[\s\S]*?)^```/m.exec(guide)!;
  const places = { "checkpoint, Ed25519": log[0], "checkpoint, ML-DSA-44": log[1] };
  const more = { "witness, Ed25519": witness[0], "witness, ML-DSA-44": witness[1] };
  let text = yaml!.replace("8081", String(port));
  for (const [place, vkey] of Object.entries({ ...places, ...more })) text = text.replace(`<south, ${place}>`, vkey!);
  writeFileSync(join(dataDir, "mycogate.yaml"), text);
}
