/** docs/guides/verify.md as an operator and an auditor type it: its commands are taken from the page itself. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { readTileDirectory } from "../support/tile-directory.ts";

const guide = readFileSync(`${projectRoot}docs/guides/verify.md`, "utf8");
let dir: string;
let gateway: GatewayProcess;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "mycogate-guide-"));
  gateway = await GatewayProcess.start(join(dir, "data"));
});
afterEach(async () => {
  await gateway.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The fenced blocks of one role, as one script for our ports and folders. */
function script(role: "gateway" | "auditor"): string {
  return [...guide.matchAll(new RegExp(`^\`\`\`sh ${role}\n([\\s\\S]*?)^\`\`\``, "gm"))]
    .map(([, body]) => body!)
    .join("\n")
    .replaceAll(/\b(reading\.tlog-proof|forged\.tlog-proof|gateway\.policy|verify\.html|public-log)\b/g, `${dir}/$1`)
    .replaceAll("$(cat data/admin-token)", "$MYCOGATE_ADMIN_TOKEN")
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${gateway.httpPort}`);
}

const bash = (text: string, env: Record<string, string>) =>
  promisify(execFile)("bash", ["-euo", "pipefail", "-c", text], { cwd: projectRoot, env: { ...process.env, ...env } });

test("from a reading to a proof, and from the proof to valid without the gateway", async () => {
  const [envelope] = JSON.parse(readFileSync(`${projectRoot}protocol/vectors/envelopes.json`, "utf8")) as [
    { cbor: string },
  ];
  const publicKey = "f5b0c897efb220be6c14410aa56758992782d6d60a35f97248d9006606c50e9d";
  await gateway.enrol([{ id: "mycobrain-003", publicKey }]);
  const publish = `mqtt publish -p ${gateway.mqttPort} -q 1 -t mycobrain/mycobrain-003/envelope -s`;
  await bash(`node -e 'process.stdout.write(Buffer.from("${envelope.cbor}", "hex"))' | npx ${publish}`, {});
  await gateway.databaseCaughtUp();
  await bash(script("gateway"), gateway.env);
  expect(readTileDirectory(join(dir, "public-log")).size).toBeGreaterThan(1);
  expect(readFileSync(join(dir, "verify.html"), "utf8")).toBe(readFileSync(`${projectRoot}dist/verify.html`, "utf8"));

  const auditor = script("auditor");
  await gateway.stop();
  rmSync(join(dir, "data"), { recursive: true });
  mkdirSync(join(dir, "data"));
  const { stdout } = await bash(auditor, { MYCOGATE_DATA: join(dir, "data") });
  expect(stdout).toMatch(/^Valid: the log holds exactly this entry\.\n/);
  expect(stdout).toContain("a message of the device mycobrain-003");
  expect(stdout).toMatch(/This proof is not valid: .*\nrefused\n/);
  expect(stdout).toMatch(/Valid: every entry is the one that was signed, in its place\.\n {2}log {11}/);
  expect(readdirSync(join(dir, "data")), "verifying leaves nothing behind").toEqual([]);
}, 240_000);
