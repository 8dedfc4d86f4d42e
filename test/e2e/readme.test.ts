/** The README as a newcomer types it: its commands are taken from the page itself. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { needs } from "../support/needs.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const readme = readFileSync(`${projectRoot}README.md`, "utf8");
let dir: string;
let gateway: GatewayProcess;

beforeEach(() => {
  dir = scratchDir("readme");
});
afterEach(async () => {
  await gateway.stop();
});

/** The fenced blocks of one language below a heading, as one script for our ports and folders. */
function script(heading: string, language: string): string[] {
  const section = readme.slice(readme.indexOf(`## ${heading}`)).split("\n## ")[0]!;
  const blocks = [...section.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    ([, body]) => body!,
  );
  return blocks.map((body) =>
    body
      .replaceAll(/\b(envelope|tampered)\.cbor/g, `${dir}/$1.cbor`)
      .replaceAll(/(?<=link=|> |-e )(board|cable)\b/g, `${dir}/$1`),
  );
}

/** Ports and data directory of this gateway in the place of the default ones. */
function adapted(text: string): string {
  return text
    .replaceAll("$(cat data/admin-token)", "$MYCOGATE_ADMIN_TOKEN")
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${gateway.httpPort}`)
    .replaceAll("npx mqtt publish", `npx mqtt publish -p ${gateway.mqttPort}`);
}

const bash = (text: string) =>
  promisify(execFile)("bash", ["-euo", "pipefail", "-c", text], {
    cwd: projectRoot,
    env: { ...process.env, ...gateway.env },
  });

needs("curl")("the tour of the README", () => {
  test("takes five minutes and ends with a verified ledger", async () => {
    gateway = await GatewayProcess.start(join(dir, "data"));
    await gateway.databaseCaughtUp();
    const { stdout } = await bash(adapted(script("A five-minute tour", "sh").join("\n")));
    expect(stdout).toContain("enrolled mycobrain-003");
    expect(stdout).toMatch(/"deviceId":"mycobrain-003","sensor":"co2"/);
    expect(stdout).toContain("same bytes");
    expect(stdout).toContain("HASH_MISMATCH");
    expect(stdout).toContain("every entry is in its place");
    expect(stdout).toContain("— ");
  }, 180_000);
});

needs("socat", "curl")("a board on a serial port", () => {
  test("is listed and read within the commands of the README", async () => {
    const [cable, rest] = script("A board on a serial port", "sh serial");
    const socat = spawn("bash", ["-c", `${cable}\necho ready; wait $SOCAT`], { detached: true });
    try {
      await once(socat.stdout, "data");
      gateway = await GatewayProcess.start(join(dir, "data"), { MYCOGATE_SERIAL_PORTS: `${dir}/cable` });
      const { stdout } = await bash(adapted(rest!));
      expect(stdout).toContain("mycobrain-9f81b");
      expect(stdout).toContain('"verification":"attested"');
    } finally {
      // The shell and the cable that it laid.
      process.kill(-socat.pid!);
    }
  }, 180_000);
});
