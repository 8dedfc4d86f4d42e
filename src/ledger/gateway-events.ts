/**
 * What befalls the gateway itself, as its ledger tells it. The log is for everyone to read, so it holds names of operators
 * and settings, and neither addresses nor tokens nor values.
 */
import type { CborValue } from "../codec/cbor.ts";
import type { EventEntry } from "./types.ts";

/** How an operator comes in. */
export type SignInWay = "http" | "mqtt";

export function signedInEntry(by: string, via: SignInWay, receivedUs: number): EventEntry {
  return event("operator.signed_in", receivedUs, { by, via });
}

/** @param count attempts since the entry before */
export function signInRefusedEntry(via: SignInWay, count: number, receivedUs: number): EventEntry {
  return event("operator.sign_in_refused", receivedUs, { via, count });
}

export interface SettingsChange {
  /** Dotted names, as in the file. */
  readonly settings: readonly string[];
  /** HMAC-SHA256 of the whole configuration, under a key that stays in the data directory: equal ones are comparable, and no more. */
  readonly fingerprint: Uint8Array;
}

export function settingsChangedEntry({ settings, fingerprint }: SettingsChange, receivedUs: number): EventEntry {
  return event("settings.changed", receivedUs, { settings, fingerprint });
}

function event(type: string, receivedUs: number, body: Readonly<Record<string, CborValue>>): EventEntry {
  return { kind: "event", type, receivedUs, body: new Map(Object.entries(body)) };
}
