import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../../gateway/config/config.ts";
import { changedSettings } from "../../../gateway/config/settings-record.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "mycogate-settings-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const change = (env: Record<string, string>) => changedSettings(loadConfig({ env, cwd }));
/** One start with these settings. @returns what it tells */
const start = (env: Record<string, string>): readonly string[] | undefined => {
  const changed = change(env);
  changed?.keep();
  return changed?.settings;
};

test("the first start names what is not as by default, later ones what was changed", () => {
  expect(start({ MYCOGATE_HTTP_PORT: "8081", MYCOGATE_INGEST_WORKERS: "7" })).toEqual(["http.port"]);
  expect(start({ MYCOGATE_HTTP_PORT: "8081" })).toBeUndefined();
  expect(start({ MYCOGATE_HTTP_PORT: "8082", MYCOGATE_INGEST_TRUST: "[]" })).toEqual(["http.port", "ingest.trust"]);
  expect(start({ MYCOGATE_HTTP_PORT: "8082" })).toEqual(["ingest.trust"]);
});

test("a start with the defaults alone is one with other settings than none", () => {
  expect(start({})).toEqual([]);
  expect(start({})).toBeUndefined();
});

test("what was not told is told by the next start", () => {
  start({});
  expect(change({ MYCOGATE_HTTP_PORT: "8081" })?.settings).toEqual(["http.port"]);
  expect(change({ MYCOGATE_HTTP_PORT: "8081" })?.settings).toEqual(["http.port"]);
});

test("nothing that is told or kept can be tried out against a guess of the secret", () => {
  const env = { MYCOGATE_ADMIN_TOKEN: "correct-horse-battery" };
  const first = change(env)!;
  expect(first.settings).toEqual(["adminToken"]);
  first.keep();
  const file = join(cwd, "data", "settings.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).not.toContain("correct-horse-battery");
  // The same configuration elsewhere, with a key of its own, has another fingerprint.
  rmSync(file);
  expect(Buffer.from(change(env)!.fingerprint)).not.toEqual(Buffer.from(first.fingerprint));
});

test("a damaged file counts as none", () => {
  start({ MYCOGATE_HTTP_PORT: "8081" });
  for (const text of ["", "{", "null", '{"key":"00"}', '{"key":1,"digests":null}']) {
    writeFileSync(join(cwd, "data", "settings.json"), text);
    expect(change({ MYCOGATE_HTTP_PORT: "8081" })?.settings, text).toEqual(["http.port"]);
  }
});
