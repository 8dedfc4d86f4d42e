/** The commands that need no running gateway, and the command line itself. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { version } from "../../../gateway/version.ts";
import { runCli } from "../../support/captured-cli.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "mycogate-cli-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const anyPorts = { MYCOGATE_HTTP_PORT: "0", MYCOGATE_MQTT_PORT: "0", MYCOGATE_MQTT_WS_PORT: "0" };

describe("the command line", () => {
  test("--version and --help are done and go to stdout", async () => {
    expect(await runCli(["--version"], cwd)).toEqual({ code: 0, out: `${version}\n`, err: "" });
    const help = await runCli(["--help"], cwd);
    expect([help.code, help.err]).toEqual([0, ""]);
    expect(help.out).toContain("Usage: mycogate");
  });

  test.each([
    ["device", "add"],
    ["device"],
    ["config", "print"],
    ["run"],
    ["quarantine", "release"],
    ["ledger", "verify"],
    ["bench", "ingest"],
  ])("help of `%s %s` ends with an example to paste", async (...noun) => {
    const { code, out } = await runCli([...noun, "--help"], cwd);
    expect(code).toBe(0);
    expect(out.trimEnd().split("\n").at(-1)).toMatch(/^ {2}mycogate /);
  });

  test.each([
    [[]],
    [["frobnicate"]],
    [["device"]],
    [["device", "frobnicate"]],
    [["device", "add"]],
    [["device", "list", "surplus"]],
    [["device", "list", "--frob"]],
    [["config", "check", "surplus"]],
    [["config", "check", "--mqtt-prot", "1"]],
    [["config", "check", "--mqtt-port"]],
    [["config", "check", "--database-url", "postgres://u:secret@h/d"]],
    [["bench", "ingest", "--messages", "many"]],
  ])("%j is misuse: exit code 2, said on stderr", async (argv) => {
    const { code, out, err } = await runCli(argv, cwd);
    expect([code, out]).toEqual([2, ""]);
    expect(err).not.toBe("");
    expect(err).not.toContain("    at ");
  });

  test("a mistyped option gets a suggestion", async () => {
    expect((await runCli(["config", "check", "--mqtt-prot", "1"], cwd)).err).toContain('did you mean "--mqtt-port"?');
  });

  test("--debug adds the stack, and nothing else does", async () => {
    writeFileSync(join(cwd, "mycogate.yaml"), "prot: 1\n");
    expect((await runCli(["device", "list"], cwd)).err).not.toContain("    at ");
    expect((await runCli(["device", "list", "--debug"], cwd)).err).toContain("    at ");
  });
});

describe("config", () => {
  test("check lists every problem with its place and fails", async () => {
    writeFileSync(join(cwd, "mycogate.yaml"), "mqtt:\n  prot: 1\nlog:\n  level: loud\n");
    const { code, out } = await runCli(["config", "check"], cwd);
    expect(code).toBe(1);
    expect(out.split("\n").slice(0, 2)).toEqual([
      expect.stringMatching(/mycogate\.yaml:2:3 mqtt\.prot is unknown \(did you mean "port"\?\) \[CONFIG_INVALID\]$/),
      expect.stringMatching(/mycogate\.yaml:4:3 log\.level must be one of .* \[CONFIG_INVALID\]$/),
    ]);
    const json = JSON.parse((await runCli(["config", "check", "--json"], cwd)).out);
    expect(json).toMatchObject({ valid: false, problems: [{ path: "mqtt.prot" }, { path: "log.level" }] });
  });

  test("check is silent about what is right", async () => {
    expect(await runCli(["config", "check"], cwd)).toEqual({
      code: 0,
      out: "the configuration is valid (no file)\n",
      err: "",
    });
  });

  test("print shows what is set and by whom; --effective adds the defaults", async () => {
    writeFileSync(join(cwd, "mycogate.yaml"), "http:\n  port: 8081\n");
    const args = ["config", "print", "--mqtt-port=1884", "--serial-ports", "/dev/a,/dev/b"];
    const given = await runCli(args, cwd, { MYCOGATE_LOG_LEVEL: "warn" });
    expect(given.out).toContain("port: 1884 # --mqtt-port\n");
    expect(given.out).toMatch(/port: 8081 # .*mycogate\.yaml:2:3\n/);
    expect(given.out).toContain("level: warn # MYCOGATE_LOG_LEVEL\n");
    expect(given.out).not.toContain("prefix");
    const effective = await runCli([...args, "--effective", "--json"], cwd);
    expect(JSON.parse(effective.out)).toMatchObject({
      mqtt: { port: 1884, prefix: "mycobrain" },
      http: { port: 8081 },
      serial: { ports: ["/dev/a", "/dev/b"] },
    });
  });

  test("what print shows is a valid file that says the same", async () => {
    const before = await runCli(["config", "print", "--effective"], cwd);
    writeFileSync(join(cwd, "copy.yaml"), before.out);
    expect(await runCli(["config", "check", "--config", "copy.yaml"], cwd)).toMatchObject({ code: 0 });
    const after = await runCli(["config", "print", "--effective", "--json", "--config", "copy.yaml"], cwd);
    expect(JSON.parse(after.out)).toEqual(
      JSON.parse((await runCli(["config", "print", "--effective", "--json"], cwd)).out),
    );
  });

  test("secrets are masked", async () => {
    const env = { MYCOGATE_ADMIN_TOKEN: "hunter2-hunter2-hunter2", MYCOGATE_DATABASE_URL: "postgres://u:hunter2@h/d" };
    for (const json of [[], ["--json"]]) {
      const { out } = await runCli(["config", "print", "--effective", ...json], cwd, env);
      expect(out).not.toContain("hunter2");
      expect(out).toContain("********");
    }
  });
});

describe("check", () => {
  const statuses = (out: string) =>
    Object.fromEntries(
      (JSON.parse(out) as { check: string; status: string }[]).map(({ check, status }) => [check, status]),
    );

  test("on a machine in order everything is ok", async () => {
    const { code, out } = await runCli(["check", "--json"], cwd, anyPorts);
    expect(code).toBe(0);
    expect(statuses(out)).toMatchObject({
      configuration: "ok",
      "data directory": "ok",
      "port HTTP": "ok",
      "port MQTT tcp": "ok",
      "port MQTT ws": "ok",
      "admin token": "ok",
    });
  });

  test("a taken port, a token that others can read, and a missing board are told", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const taken = String((server.address() as AddressInfo).port);
    mkdirSync(join(cwd, "data"));
    writeFileSync(join(cwd, "data", "admin-token"), "token\n");
    chmodSync(join(cwd, "data", "admin-token"), 0o644);
    const env = { ...anyPorts, MYCOGATE_MQTT_PORT: taken, MYCOGATE_SERIAL_PORTS: "/dev/no-such-board" };
    const { code, out } = await runCli(["check", "--json"], cwd, env);
    server.close();
    expect(code).toBe(1);
    expect(statuses(out)).toMatchObject({
      "port MQTT tcp": "fail",
      "admin token": "warn",
      "serial port": "warn",
      "port HTTP": "ok",
    });
  });

  test("a certificate that cannot be read fails", async () => {
    const env = {
      ...anyPorts,
      MYCOGATE_MQTT_TLS_CERT: "no.pem",
      MYCOGATE_MQTT_TLS_KEY: "no.key",
      MYCOGATE_MQTT_TLS_PORT: "0",
    };
    const { code, out } = await runCli(["check"], cwd, env);
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL +MQTT certificate .*no\.pem/m);
  });

  test("a configuration with mistakes is all there is to say", async () => {
    const { code, out } = await runCli(["check", "--http-port", "x"], cwd);
    expect(code).toBe(1);
    expect(out).toMatch(/FAIL +configuration +--http-port http\.port must be integer/);
  });
});
