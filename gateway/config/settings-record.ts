/**
 * Which settings are others than at the start before. `<data>/settings.json` (mode 0600) keeps an HMAC of each under a key of
 * its own, so that neither that file nor what is told about it gives away a value.
 */
import { createHmac, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SettingsChange } from "../../src/ledger/gateway-events.ts";
import type { Config } from "./schema.ts";
import { settings } from "./settings.ts";
import { writeFileDurably } from "./write-durably.ts";

interface Kept {
  /** 32 bytes, hex. */
  readonly key: string;
  /** By the setting's dotted path, hex. */
  readonly digests: Readonly<Record<string, string>>;
}

export interface ChangedSettings extends SettingsChange {
  /** Remembers them as told. */
  keep(): void;
}

/** They follow from where the gateway runs. */
const ofTheMachine = ["data", "ingest.workers"];

/** Compared with the start before, or with the defaults where there was none. @returns undefined where nothing has changed */
export function changedSettings(config: Config): ChangedSettings | undefined {
  const file = join(config.data, "settings.json");
  const before = existsSync(file) ? parse(readFileSync(file, "utf8")) : undefined;
  const key = before?.key ?? randomBytes(32).toString("hex");
  const digest = (value: unknown) => hmac(key, JSON.stringify(value ?? null));
  const watched = settings.filter(({ path }) => !ofTheMachine.includes(path));
  const digests = Object.fromEntries(watched.map(({ path }) => [path, digest(valueAt(config, path))]));
  // A setting that the version before did not know had its default.
  const changed = watched.filter(
    ({ path, schema }) => digests[path] !== (before?.digests[path] ?? digest(schema.default)),
  );
  if (changed.length === 0 && before !== undefined) return undefined;
  return {
    settings: changed.map(({ path }) => path),
    fingerprint: Buffer.from(hmac(key, JSON.stringify(digests)), "hex"),
    keep: () => writeFileDurably(file, `${JSON.stringify({ key, digests } satisfies Kept, undefined, 2)}\n`, 0o600),
  };
}

function valueAt(config: Config, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config);
}

function hmac(key: string, text: string): string {
  return createHmac("sha256", Buffer.from(key, "hex")).update(text).digest("hex");
}

/** A file that cannot be read is as good as none: then everything that is not as by default counts as changed. */
function parse(text: string): Kept | undefined {
  try {
    const { key, digests } = JSON.parse(text) as Partial<Kept>;
    const valid = typeof key === "string" && /^[0-9a-f]{64}$/.test(key) && typeof digests === "object";
    return valid && digests !== null ? { key, digests } : undefined;
  } catch {
    return undefined;
  }
}
