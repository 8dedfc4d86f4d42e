/** The commands that talk to a gateway, against a real HTTP server with the services in memory. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CliResult, runCli } from "../../support/captured-cli.ts";
import { adminToken, type HttpApi, startHttpApi } from "../../support/http-api.ts";

// RFC 8032 §7.1 TEST 1 and TEST 2
const key = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex").toString("base64");
const otherKey = Buffer.from("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "hex").toString(
  "base64",
);

let api: HttpApi;
let cwd: string;
beforeEach(async () => {
  api = await startHttpApi();
  cwd = mkdtempSync(join(tmpdir(), "mycogate-cli-"));
});
afterEach(async () => {
  await api.close();
  rmSync(cwd, { recursive: true });
});

const run = (...argv: string[]): Promise<CliResult> =>
  runCli(argv, cwd, { MYCOGATE_ADMIN_TOKEN: adminToken, MYCOGATE_HTTP_PORT: new URL(api.url).port });

describe("device", () => {
  test("add, list, show and revoke tell one story", async () => {
    const added = await run("device", "add", "myco-1", "--key", key, "--name", "Oak");
    expect(added).toEqual({ code: 0, out: "enrolled myco-1 (its signatures are checked from now on)\n", err: "" });
    const list = await run("device", "list");
    expect(list.out).toMatch(/^ID +NAME +TRANSPORT +STATE +FIRMWARE +LAST SEEN\nmyco-1 +Oak +key 1 +–\n$/);
    const show = await run("device", "show", "myco-1");
    expect(show.out).toContain(`key 1      ${key}, from `);
    expect((await run("device", "revoke", "myco-1", "--reason", "lost", "--yes")).out).toBe("revoked myco-1\n");
    expect((await run("device", "list")).out).toContain("revoked");
  });

  test("--json prints what the API says", async () => {
    const added = await run("device", "add", "board", "--json");
    expect(JSON.parse(added.out)).toMatchObject({ id: "board", keys: [] });
    expect(JSON.parse((await run("device", "list", "--json")).out)).toMatchObject([{ id: "board" }]);
    expect(JSON.parse((await run("device", "show", "board", "--json")).out)).toMatchObject({ id: "board" });
  });

  test("the list shows every device, however many pages it takes", async () => {
    await api.call("POST", "/api/v1/devices", { id: "d" });
    const device = api.state.devices.get("d")!;
    for (let i = 0; i < 1_004; i++) api.state.devices.set(`d${i}`, { ...device, id: `d${i}` });
    expect(JSON.parse((await run("device", "list", "--json")).out)).toHaveLength(1_005);
  });

  test("gaps names what is missing, and why nothing can be where nothing is numbered", async () => {
    await run("device", "add", "myco-1");
    const { code, out } = await run("device", "gaps", "myco-1", "--from", "2026-06-01");
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      "envelope: 7 messages; 2 missing",
      "  1 to 9, 7 there, missing 2: 4 7 (2026-06-01T12:00:00.000Z to 2026-06-01T13:00:00.000Z)",
      "mavlink: 2 messages; not numbered: thinned",
      "as of leaf 31",
      "",
    ]);
    expect((await run("device", "gaps", "myco-1", "--from", "soon")).err).toContain("REQUEST_INVALID");
  });

  test("command sends one and is exit code 1 unless it was done; commands lists them", async () => {
    await run("device", "add", "myco-1");
    const done = await run("device", "command", "myco-1", "led", "--params", '{"on":true}', "--id", "c-7");
    expect(done).toEqual({ code: 0, out: "c-7 succeeded by serial: done\n", err: "" });
    expect(api.state.commands.get("c-7")).toMatchObject({ params: { on: true }, timeoutMs: 5_000 });
    expect(await run("device", "command", "myco-1", "sleep", "--wait", "0")).toMatchObject({
      code: 1,
      out: "c-2 sent by serial\n",
    });
    expect((await run("device", "command", "myco-1", "fly")).err).toContain("COMMAND_UNKNOWN");
    for (const wrong of ["[]", "on", "null"]) {
      expect((await run("device", "command", "myco-1", "led", "--params", wrong)).code).toBe(2);
    }
    expect((await run("device", "command", "myco-1", "led", "--timeout", "1s")).code).toBe(2);
    expect((await run("device", "commands", "myco-1")).out).toMatch(/c-2 +sleep +sent[\s\S]*c-7 +led +succeeded/);
  });

  test("a refusal is exit code 1 with message, hint and code on stderr", async () => {
    const { code, out, err } = await run("device", "show", "nobody");
    expect([code, out]).toEqual([1, ""]);
    expect(err).toBe(
      "error: no device nobody is enrolled\nhint:  List the devices with `mycogate device list`.\ncode:  DEVICE_NOT_FOUND\n",
    );
    const json = await run("device", "show", "nobody", "--json");
    expect(JSON.parse(json.err)).toMatchObject({ code: "DEVICE_NOT_FOUND", message: "no device nobody is enrolled" });
  });

  test("revoking without --yes is misuse and does nothing", async () => {
    await run("device", "add", "myco-1");
    expect(await run("device", "revoke", "myco-1")).toMatchObject({ code: 2, out: "" });
    expect(api.state.devices.get("myco-1")!.revokedUs).toBeUndefined();
  });

  test("what a device calls itself cannot write to the terminal", async () => {
    await run("device", "add", "evil");
    api.state.devices.set("evil", { ...api.state.devices.get("evil")!, firmware: "1\u001b[2J\n2" });
    const { out } = await run("device", "list");
    expect(out).not.toContain("\u001b");
    expect(out.trimEnd().split("\n")).toHaveLength(2);
    expect((await run("device", "show", "evil")).out).not.toContain("\u001b");
  });
});

describe("device import", () => {
  const registry = { plain: key, nested: { publicKeyB64: otherKey }, "bad id": key, short: "AAAA", odd: 7 };

  test("enrols what it can, reports each device, and fails where one failed", async () => {
    writeFileSync(join(cwd, "keys.json"), JSON.stringify(registry));
    const { code, out } = await run("device", "import", "keys.json", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual([
      { id: "plain", result: "enrolled", detail: "" },
      { id: "nested", result: "enrolled", detail: "" },
      { id: "bad id", result: "failed", detail: expect.stringContaining("DEVICE_ID_INVALID") },
      { id: "short", result: "failed", detail: expect.stringContaining("PUBLIC_KEY_INVALID") },
      { id: "odd", result: "failed", detail: expect.stringContaining("PUBLIC_KEY_INVALID") },
    ]);
    expect(Buffer.from(api.state.devices.get("nested")!.keys[0]!.publicKey).toString("base64")).toBe(otherKey);
  });

  test("a second run changes nothing, and another key for a known device is refused", async () => {
    writeFileSync(join(cwd, "keys.json"), JSON.stringify({ a: key, b: key }));
    expect((await run("device", "import", "keys.json")).code).toBe(0);
    writeFileSync(join(cwd, "keys.json"), JSON.stringify({ a: key, b: otherKey }));
    const { code, out } = await run("device", "import", "keys.json", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { id: "a", result: "unchanged" },
      { id: "b", result: "failed", detail: expect.stringContaining("DEVICE_EXISTS") },
    ]);
  });

  test("--dry-run says what would happen and does not do it", async () => {
    writeFileSync(join(cwd, "keys.json"), JSON.stringify(registry));
    const { code, out } = await run("device", "import", "keys.json", "--dry-run");
    expect(code).toBe(1);
    expect(out).toMatch(/plain +would enrol/);
    expect(api.state.devices.size).toBe(0);
  });

  test("- reads standard input", async () => {
    const env = { MYCOGATE_ADMIN_TOKEN: adminToken, MYCOGATE_HTTP_PORT: new URL(api.url).port };
    expect((await runCli(["device", "import", "-"], cwd, env, JSON.stringify({ a: key }))).code).toBe(0);
    expect(api.state.devices.has("a")).toBe(true);
  });

  test.each(["[]", "{", "7"])("a file that is no registry (%j) is misuse", async (text) => {
    writeFileSync(join(cwd, "keys.json"), text);
    expect(await run("device", "import", "keys.json")).toMatchObject({ code: 2, out: "" });
  });
});

describe("quarantine", () => {
  beforeEach(() => {
    const item = {
      reason: "UNKNOWN_DEVICE",
      detail: "none",
      deviceId: "myco-1",
      receivedAt: "2024-05-01T12:00:00.000Z",
    } as const;
    const rest = { source: "mqtt", format: "envelope", sizeBytes: 1, payload: Uint8Array.of(1) };
    for (const id of [1, 2]) api.state.quarantine.set(id, { id, ...item, ...rest });
  });

  test("list shows what is there, filtered by reason", async () => {
    expect((await run("quarantine", "list")).out).toMatch(
      /^1 +2024-05-01T12:00:00.000Z +myco-1 +UNKNOWN_DEVICE +1 B +mqtt +none$/m,
    );
    expect(JSON.parse((await run("quarantine", "list", "--reason", "UNSIGNED", "--json")).out)).toEqual([]);
  });

  test("release reports each message and fails where one failed", async () => {
    await run("device", "add", "myco-1");
    const { code, out } = await run("quarantine", "release", "1", "9", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { id: 1, result: "released", leafIndex: 0 },
      { id: 9, result: "failed", code: "QUARANTINE_NOT_FOUND" },
    ]);
  });

  test("remove wants --yes", async () => {
    expect((await run("quarantine", "remove", "1")).code).toBe(2);
    expect(api.state.quarantine.size).toBe(2);
    expect((await run("quarantine", "remove", "1", "2", "--yes")).code).toBe(0);
    expect(api.state.quarantine.size).toBe(0);
  });

  test("an id that is no number is misuse, before anything is decided", async () => {
    expect((await run("quarantine", "remove", "1", "../stats", "--yes")).code).toBe(2);
    expect(api.state.quarantine.size).toBe(2);
  });
});

describe("finding the gateway", () => {
  test("a wrong token is told as such", async () => {
    const env = { MYCOGATE_ADMIN_TOKEN: "another-token-16", MYCOGATE_HTTP_PORT: new URL(api.url).port };
    expect((await runCli(["device", "list"], cwd, env)).err).toContain("code:  UNAUTHENTICATED");
  });

  test("without a token yet, the place it would be in is named", async () => {
    const { code, err } = await runCli(["device", "list"], cwd);
    expect(code).toBe(1);
    expect(err).toContain(join(cwd, "data", "admin-token"));
  });

  test("where nobody listens it is GATEWAY_UNREACHABLE with a hint", async () => {
    await api.close();
    const { code, err } = await run("device", "list");
    expect(code).toBe(1);
    expect(err).toContain("code:  GATEWAY_UNREACHABLE");
    api = await startHttpApi();
  });

  test("--url wins over the configuration", async () => {
    const env = { MYCOGATE_ADMIN_TOKEN: adminToken, MYCOGATE_HTTP_PORT: "1" };
    expect((await runCli(["device", "list", "--url", `${api.url}/`], cwd, env)).code).toBe(0);
  });

  test("with any free port, the address that the gateway left in the data directory is used", async () => {
    const env = { MYCOGATE_ADMIN_TOKEN: adminToken, MYCOGATE_HTTP_PORT: "0", MYCOGATE_DATA: cwd };
    expect((await runCli(["device", "list"], cwd, env)).err).toContain("GATEWAY_UNREACHABLE");
    writeFileSync(join(cwd, "http-url"), `${api.url}\n`);
    expect((await runCli(["device", "list"], cwd, env)).code).toBe(0);
  });
});

describe("ledger scrub", () => {
  const finding = { part: "database", what: "rows were missing", leafIndex: 4, count: 2 } as const;

  test("begins a pass, waits for its end, and is 0 where nothing is left damaged", async () => {
    api.state.scrubFindings = [{ ...finding, repaired: true }];
    const { code, out } = await run("ledger", "scrub");
    expect(out).toBe(
      "9 entries and 9 rows of the database checked\n\n" +
        "part      leaf  count  outcome   what\ndatabase  4     2      repaired  rows were missing\n",
    );
    expect(code).toBe(0);
    expect(api.state.scrubs).toBe(1);
  });

  test("is 1 where something is", async () => {
    api.state.scrubFindings = [{ ...finding, repaired: false }];
    const { code, out } = await run("ledger", "scrub", "--json");
    expect(JSON.parse(out)).toMatchObject({ number: 1, entries: 9, findings: [{ repaired: false }], open: [] });
    expect(code).toBe(1);
  });
});
