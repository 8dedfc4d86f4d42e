import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ConfigSources, loadConfig, readConfig } from "../../../gateway/config/config.ts";
import { GatewayError } from "../../../src/errors.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "mycogate-config-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const file = (text: string, name = "mycogate.yaml") => writeFileSync(join(cwd, name), text);
const load = (sources: Partial<ConfigSources> = {}) => loadConfig({ env: {}, cwd, ...sources });
const problems = (sources: Partial<ConfigSources> = {}) =>
  readConfig({ env: {}, cwd, ...sources }).problems.map(
    ({ path, message, where }) => `${where.replace(`${cwd}/`, "")} ${path} ${message}`,
  );

describe("sources", () => {
  test("without any, the defaults of the contract hold", () => {
    expect(load()).toMatchObject({
      data: join(cwd, "data"),
      mqtt: { host: "127.0.0.1", port: 1_883, prefix: "mycobrain", ws: { port: 9_001 }, tls: { port: 8_883 } },
      http: { host: "127.0.0.1", port: 8_080 },
      database: { url: "" },
      serial: { ports: [] },
      ingest: { trust: ["serial"], dedupeWindow: 1_000_000 },
    });
    expect(load().ingest.workers).toBeGreaterThan(0);
    expect(load().gatewayId).toBeUndefined();
  });

  test("a flag wins over the environment, that over the file, that over the default", () => {
    expect(load().mqtt.port).toBe(1_883);
    file("mqtt: {port: 2001}\nhttp: {port: 2002}\nlog: {level: debug}\n");
    const env = { MYCOGATE_MQTT_PORT: "3001", MYCOGATE_HTTP_PORT: "3002" };
    const config = load({ env, flags: { "mqtt.port": "4001" } });
    expect([config.mqtt.port, config.http.port, config.log.level]).toEqual([4_001, 3_002, "debug"]);
  });

  test("a whole list is taken from the strongest source, not merged", () => {
    file("serial: {ports: [/dev/a, /dev/b]}\n");
    expect(load().serial.ports).toEqual(["/dev/a", "/dev/b"]);
    expect(load({ env: { MYCOGATE_SERIAL_PORTS: "/dev/c@9600, /dev/d" } }).serial.ports).toEqual([
      "/dev/c@9600",
      "/dev/d",
    ]);
    expect(load({ env: { MYCOGATE_SERIAL_PORTS: '["/dev/e"]' } }).serial.ports).toEqual(["/dev/e"]);
  });

  test("every variable of the contract is understood", () => {
    const config = load({
      env: {
        MYCOGATE_DATA: "here",
        MYCOGATE_GATEWAY_ID: "gw-7",
        MYCOGATE_LEDGER_ORIGIN: "gw7.example/ledger/1",
        MYCOGATE_MQTT_HOST: "::1",
        MYCOGATE_MQTT_PORT: "0",
        MYCOGATE_MQTT_TLS_PORT: "8884",
        MYCOGATE_MQTT_TLS_CERT: "cert.pem",
        MYCOGATE_MQTT_TLS_KEY: "key.pem",
        MYCOGATE_MQTT_TLS_CA: "ca.pem",
        MYCOGATE_MQTT_WS_PORT: "off",
        MYCOGATE_MQTT_PREFIX: "field",
        MYCOGATE_MQTT_RULES: '[{"allow":"all","topic":"#"}]',
        MYCOGATE_MQTT_ALLOW_ANONYMOUS: "yes",
        MYCOGATE_HTTP_HOST: "127.0.0.2",
        MYCOGATE_HTTP_PORT: "1",
        MYCOGATE_DATABASE_URL: "postgres://u@h/d",
        MYCOGATE_SERIAL_PORTS: "COM3",
        MYCOGATE_ADMIN_TOKEN: "a-token-of-some-length",
        MYCOGATE_INGEST_QUARANTINE_MAX_AGE_DAYS: "3",
        UNRELATED: "x",
      },
    });
    expect(config).toMatchObject({
      data: join(cwd, "here"),
      gatewayId: "gw-7",
      adminToken: "a-token-of-some-length",
      ledger: { origin: "gw7.example/ledger/1" },
      mqtt: {
        host: "::1",
        port: 0,
        tls: { port: 8_884, cert: "cert.pem", key: "key.pem", ca: "ca.pem" },
        ws: { port: "off" },
        prefix: "field",
        rules: [{ allow: "all", topic: "#" }],
        allowAnonymous: true,
      },
      http: { host: "127.0.0.2", port: 1 },
      database: { url: "postgres://u@h/d" },
      serial: { ports: ["COM3"] },
      ingest: { quarantine: { maxAgeDays: 3 } },
    });
  });

  test("a secret can come from a file, without its line end", () => {
    file("long-enough-for-a-token\n", "token");
    expect(load({ env: { MYCOGATE_ADMIN_TOKEN_FILE: join(cwd, "token") } }).adminToken).toBe("long-enough-for-a-token");
    expect(problems({ env: { MYCOGATE_ADMIN_TOKEN_FILE: join(cwd, "none") } })[0]).toContain(
      "ADMIN_TOKEN_FILE adminToken cannot be read",
    );
    const both = { MYCOGATE_ADMIN_TOKEN: "x".repeat(20), MYCOGATE_ADMIN_TOKEN_FILE: join(cwd, "token") };
    expect(problems({ env: both })).toEqual([
      "MYCOGATE_ADMIN_TOKEN_FILE adminToken is also set by MYCOGATE_ADMIN_TOKEN; keep one",
    ]);
  });

  test("an empty variable is as good as none", () => {
    file("mqtt: {port: 2001}\n");
    expect(load({ env: { MYCOGATE_MQTT_PORT: "", MYCOGATE_DATABASE_URL: "" } }).mqtt.port).toBe(2_001);
  });

  test("the file is the one named, or that of the working directory, or that of the data directory", () => {
    mkdirSync(join(cwd, "data"));
    file("log: {level: error}", "data/mycogate.yaml");
    expect(load().log.level).toBe("error");
    file("log: {level: debug}");
    expect(load().log.level).toBe("debug");
    file("log: {level: trace}", "other.yaml");
    expect(load({ flags: { config: "other.yaml" } }).log.level).toBe("trace");
    expect(load({ env: { MYCOGATE_CONFIG: join(cwd, "other.yaml") } }).log.level).toBe("trace");
    expect(problems({ flags: { config: "none.yaml" } })[0]).toContain("none.yaml  cannot be read");
  });

  test.each(["", "# nothing\n", "mqtt:\nhttp:\n"])("a file that says nothing (%j) leaves the defaults", (text) => {
    file(text);
    expect(load().mqtt.port).toBe(1_883);
  });

  test("nothing of a loaded configuration can be changed", () => {
    const config = load() as unknown as { mqtt: { limits: { inflight: number } }; ingest: { trust: string[] } };
    expect(() => {
      config.mqtt.limits.inflight = 1;
    }).toThrow(TypeError);
    expect(() => config.ingest.trust.push("mqtt")).toThrow(TypeError);
  });
});

describe("problems", () => {
  test("all of them are listed, each with its path and its place", () => {
    file(
      [
        "mqtt:",
        "  prot: 1884",
        "  port: 99999",
        "  limits:",
        "    inflight: many",
        "htpp: {}",
        "log:",
        "  level: inof",
        "ingest:",
        "  trust:",
        "    - serial",
        "    - mqttt",
      ].join("\n"),
    );
    expect(
      problems({ env: { MYCOGATE_MTQT_PORT: "1", MYCOGATE_HTTP_PORT: "x" }, flags: { "ledger.segmentBytes": "1" } }),
    ).toEqual([
      'MYCOGATE_MTQT_PORT  is not a setting (did you mean "MYCOGATE_MQTT_PORT"?)',
      'mycogate.yaml:6:1 htpp is unknown (did you mean "http"?)',
      "--ledger-segment-bytes ledger.segmentBytes must be >= 1048576",
      'mycogate.yaml:2:3 mqtt.prot is unknown (did you mean "port"?)',
      "mycogate.yaml:3:3 mqtt.port does not fit: Port of MQTT over TCP; 0 takes a free one, `off` turns it off.",
      "mycogate.yaml:5:5 mqtt.limits.inflight must be integer",
      "MYCOGATE_HTTP_PORT http.port must be integer",
      'mycogate.yaml:12:7 ingest.trust.1 must be one of mqtt, mqtts, ws, serial, udp, lora, lorawan, mavlink, fci (did you mean "mqtt"?)',
      'mycogate.yaml:8:3 log.level must be one of trace, debug, info, warn, error, silent (did you mean "info"?)',
    ]);
  });

  test.each([
    ["a: [1", "mycogate.yaml:1:"],
    ["mqtt: {port: 1}\nmqtt: {port: 2}\n", "mycogate.yaml:2:1  Map keys must be unique"],
    ["- a\n- b\n", "mycogate.yaml:1:1  must hold a map of settings"],
    ["just text", "must hold a map of settings"],
    ["mqtt: 5\n", "mycogate.yaml:1:1 mqtt must be object"],
    ["mqtt: [1]\n", "mycogate.yaml:1:1 mqtt must be object"],
    ["http: {port: '8080'}\n", "mycogate.yaml:1:8 http.port must be integer"],
    ["http: {port: null}\n", "mycogate.yaml:1:8 http.port must be integer"],
  ])("the file %j is refused at its line", (text, expected) => {
    file(text);
    expect(problems().join("\n")).toContain(expected);
  });

  test("broken JSON in a variable is named as that", () => {
    expect(problems({ env: { MYCOGATE_MQTT_RULES: "[{]" } })).toEqual([
      "MYCOGATE_MQTT_RULES mqtt.rules is not valid JSON",
    ]);
  });

  test("the value of a secret is never repeated", () => {
    expect(
      problems({ env: { MYCOGATE_DATABASE_URL: "mysql://u:hunter2@h", MYCOGATE_ADMIN_TOKEN: "hunter2" } }).join(),
    ).not.toContain("hunter2");
  });

  test("loading throws CONFIG_INVALID with every problem in its details", () => {
    file("mqtt: {port: x, prot: 1}\n");
    expect(() => load()).toThrow(GatewayError);
    try {
      load();
    } catch (error) {
      expect(error).toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringMatching(/mycogate\.yaml:1:\d+ mqtt.*\(and 1 more\)$/),
      });
      expect((error as GatewayError).details.problems).toHaveLength(2);
    }
  });
});

describe("listeners", () => {
  test("one beyond loopback without authentication is refused as LISTENER_UNPROTECTED, at its line", () => {
    file("mqtt:\n  host: 0.0.0.0\n");
    expect(problems()[0]).toContain("mycogate.yaml:2:3 mqtt.host listens on 0.0.0.0");
    expect(() => load()).toThrow(expect.objectContaining({ code: "LISTENER_UNPROTECTED" }));
  });

  test("with users it may be", () => {
    file("mqtt:\n  host: 0.0.0.0\n  users: [{name: a, role: relay, passwordFile: /secret}]\n");
    expect(load().mqtt.host).toBe("0.0.0.0");
  });
});
