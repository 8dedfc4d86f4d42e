import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Config, loadConfig } from "../../../gateway/config/config.ts";
import { findEndpoint, keepEndpoint } from "../../../gateway/config/endpoint.ts";
import { ensureAdminToken, ensureIdentity, findAdminToken } from "../../../gateway/config/identity.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "mycogate-identity-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const config = (env: Record<string, string> = {}): Config => loadConfig({ env, cwd });

test("the first start makes an identity and later starts keep it", () => {
  const first = ensureIdentity(config());
  expect(first.gatewayId).toMatch(/^gw-[0-9a-f]{12}$/);
  expect(first.ledgerOrigin).toBe(`${first.gatewayId}.mycogate.invalid/ledger/1`);
  expect(ensureIdentity(config())).toEqual(first);
});

test("two gateways are two identities", () => {
  const one = ensureIdentity(config({ MYCOGATE_DATA: "one" }));
  expect(ensureIdentity(config({ MYCOGATE_DATA: "two" }))).not.toEqual(one);
});

test("configured names are taken at first start", () => {
  const env = { MYCOGATE_GATEWAY_ID: "gw-7", MYCOGATE_LEDGER_ORIGIN: "gw7.example/ledger/1" };
  expect(ensureIdentity(config(env))).toMatchObject({ gatewayId: "gw-7", ledgerOrigin: "gw7.example/ledger/1" });
  expect(ensureIdentity(config())).toMatchObject({ gatewayId: "gw-7", ledgerOrigin: "gw7.example/ledger/1" });
});

test("a gateway can be renamed, and its ledger keeps its origin", () => {
  const { ledgerOrigin } = ensureIdentity(config());
  expect(ensureIdentity(config({ MYCOGATE_GATEWAY_ID: "gw-8" }))).toMatchObject({ gatewayId: "gw-8", ledgerOrigin });
  expect(ensureIdentity(config())).toMatchObject({ gatewayId: "gw-8", ledgerOrigin });
});

test("a ledger cannot go on under another origin", () => {
  ensureIdentity(config());
  expect(() => ensureIdentity(config({ MYCOGATE_LEDGER_ORIGIN: "else.example/ledger/1" }))).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID" }),
  );
});

test.each(["", "{", "{}", '{"gatewayId":7}'])("a damaged gateway.json (%j) is an error, not a new identity", (text) => {
  ensureIdentity(config());
  writeFileSync(join(cwd, "data", "gateway.json"), text);
  expect(() => ensureIdentity(config())).toThrow(expect.objectContaining({ code: "DATA_DIR_UNUSABLE" }));
});

test("the admin token is made once, for its owner's eyes only", () => {
  expect(findAdminToken(config())).toBeUndefined();
  const token = ensureAdminToken(config());
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(ensureAdminToken(config())).toBe(token);
  expect(findAdminToken(config())).toBe(token);
  const file = join(cwd, "data", "admin-token");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).toBe(`${token}\n`);
});

test("a configured admin token replaces the kept one without touching it", () => {
  const kept = ensureAdminToken(config());
  const env = { MYCOGATE_ADMIN_TOKEN: "another-token-16" };
  expect(ensureAdminToken(config(env))).toBe("another-token-16");
  expect(ensureAdminToken(config())).toBe(kept);
});

test("clients find the API by its port, or where that was any free one, by what the gateway left", () => {
  expect(findEndpoint(config())).toBe("http://127.0.0.1:8080");
  expect(findEndpoint(config({ MYCOGATE_HTTP_HOST: "0.0.0.0" }))).toBe("http://127.0.0.1:8080");
  expect(findEndpoint(config({ MYCOGATE_HTTP_HOST: "::" }))).toBe("http://[::1]:8080");
  const anyPort = config({ MYCOGATE_HTTP_PORT: "0" });
  expect(findEndpoint(anyPort)).toBeUndefined();
  keepEndpoint(anyPort, "http://127.0.0.1:40123");
  expect(findEndpoint(anyPort)).toBe("http://127.0.0.1:40123");
});

test("a witness keeps its name over a renaming, and may be given another until it has cosigned something", () => {
  const { witnessName } = ensureIdentity(config());
  expect(ensureIdentity(config({ MYCOGATE_GATEWAY_ID: "gw-8" })).witnessName).toBe(witnessName);
  const named = config({ MYCOGATE_WITNESS_NAME: "w.example/w1" });
  expect(ensureIdentity(named).witnessName).toBe("w.example/w1");
  expect(ensureIdentity(config()).witnessName).toBe("w.example/w1");
  mkdirSync(join(named.data, "witness"));
  writeFileSync(join(named.data, "witness", "00"), "");
  expect(() => ensureIdentity(config({ MYCOGATE_WITNESS_NAME: "w.example/w2" }))).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID" }),
  );
});
