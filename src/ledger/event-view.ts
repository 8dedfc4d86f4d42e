/**
 * Events as people read them: the one place that has words for every type. It reads bodies as they are, so that an event of
 * a later version, or one that is damaged, is still shown with all that it says.
 */
import { bytesToHex } from "@noble/hashes/utils.js";
import { CborTag, type CborValue } from "../codec/cbor-value.ts";
import type { EventEntry } from "./types.ts";

export interface EventView {
  readonly leafIndex: number;
  /** ISO 8601 by the gateway's clock. */
  readonly time: string;
  readonly type: string;
  readonly deviceId: string | null;
  /** Who decided: the name of an operator; null where the gateway did by itself. */
  readonly by: string | null;
  /** One sentence without its full stop. It may quote what devices and operators wrote. */
  readonly text: string;
  /** The body: byte strings as hex, integers from 2^53 on as text. */
  readonly details: Readonly<Record<string, Json>>;
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Total. */
export function eventView({ type, receivedUs, body }: EventEntry, leafIndex: number): EventView {
  const details = Object.fromEntries([...body].map(([key, value]) => [key, jsonOf(value)]));
  const words = new Words(details);
  const describe = Object.hasOwn(texts, type) ? texts[type as keyof typeof texts] : undefined;
  return {
    leafIndex,
    time: new Date(Math.min(receivedUs / 1000, latestMs)).toISOString(),
    type,
    deviceId: eventDevice(body) ?? null,
    by: textIn(body, "by") ?? null,
    text: textOf(words, describe),
    details,
  };
}

/** A sentence, or all that the body says: where there is no sentence for it, and where the sentence lacks one of its words. */
function textOf(words: Words, describe: ((words: Words) => string) | undefined): string {
  const sentence = describe?.(words);
  return sentence === undefined || words.isLacking ? words.all() || sentence || "it says nothing more" : sentence;
}

/** The device that an event is about. */
export function eventDevice(body: EventEntry["body"]): string | undefined {
  return textIn(body, "device") ?? textIn(body, "id");
}

const maxShown = 80;

/** The last moment that a Date can hold. */
const latestMs = 8.64e15;

/** In the order of a gateway's life. Types are `domain.past_tense`, and a type keeps its meaning for ever. */
const texts = {
  "settings.changed": (e) => `the gateway started with other settings: ${e.list("settings") || "which is not known"}`,
  "operator.signed_in": (e) => `signed in over ${e.word("via")}`,
  "operator.sign_in_refused": (e) => `${e.count("count", "attempt")} to sign in over ${e.word("via")} refused`,
  "keys.introduced": (e) => `the ledger's keys are ${e.vkeys("keys")}`,
  "key.rotated": (e) => `the ${e.word("role")} key ${e.vkey("previous")} is followed by ${e.vkey("next")}`,
  "key.retired": (e) => `the ${e.word("role")} key ${e.vkey("key")} signs no more`,
  "device.enrolled": (e) => `enrolled ${e.device()} ${e.has("public_key") ? `with key 1 ${e.key()}` : "without a key"}`,
  "device.key_rotated": (e) => `${e.device()} has key ${e.word("epoch")} ${e.key()}, the one before until ${e.time()}`,
  "device.revoked": (e) => `revoked ${e.device()}${e.because("reason")}`,
  "device.sparse_signing_set": (e) => `messages of ${e.device()} ${e.is("allowed") ? "may" : "may not"} be chained`,
  "device.firmware": (e) => `${e.device()} reports firmware ${e.quoted("firmware")}`,
  "device.erasure_ordered": (e) => `what ${e.device()} has sent is to be erased`,
  "device.payloads_erased": (e) =>
    `${e.count("count", "reading")} of ${e.device()} erased, as entry ${e.word("order")} ordered`,
  "quarantine.released": (e) =>
    `message ${e.word("quarantine_id")} of ${e.device()} released, now entry ${e.word("leaf_index")}`,
  "quarantine.removed": (e) =>
    e.has("quarantine_id")
      ? `message ${e.word("quarantine_id")} of ${e.device()} removed from quarantine${e.because("reason")}`
      : `${e.count("count", "message")} of ${e.device()} removed from quarantine`,
  "quarantine.expired": (e) => `${e.count("count", "message")} left quarantine by age`,
  "ledger.pruning_ordered": (e) => `readings before entry ${e.word("before")} are to be dropped, by retention`,
  "ledger.payloads_pruned": (e) => `${e.count("count", "reading")} dropped, as entry ${e.word("order")} ordered`,
  "ledger.origin_begun": (e) =>
    `the ledger goes on as ${e.word("origin")} after ${e.word("previous_origin")}${e.because("reason")}`,
  "ledger.finding": (e) =>
    `the scrub found ${e.word("part")} wrong from entry ${e.word("leaf_index")}: ${e.word("what")}`,
  "ledger.repaired": (e) =>
    `the scrub repaired ${e.word("part")} from entry ${e.word("leaf_index")}: ${e.word("what")}`,
  "ledger.finding_closed": (e) => `what entry ${e.word("finding")} tells of is not there any more`,
  "command.accepted": (e) =>
    `${e.device()} is to do ${e.quoted("cmd")}, command ${e.word("command")} over ${e.word("via")}`,
  "command.sent": (e) => `command ${e.word("command")} goes to ${e.device()} by ${e.word("link")}`,
  "command.result": (e) => `command ${e.word("command")} to ${e.device()}: ${e.word("outcome")}${e.because("message")}`,
  "firmware.approved": (e) => `firmware ${e.quoted("version")} approved for ${e.quoted("hardware")}`,
  "campaign.decided": (e) => `campaign ${e.quoted("campaign")}: ${e.word("decision")}${e.because("reason")}`,
} satisfies Record<string, (event: Words) => string>;

/** Types that this version has words for. */
export const eventTypes = Object.keys(texts) as readonly (keyof typeof texts)[];

/** Picks from a body what the sentences need, whatever is there. */
class Words {
  readonly #details: EventView["details"];
  #isLacking = false;

  constructor(details: EventView["details"]) {
    this.#details = details;
  }

  /** Whether a sentence has asked for what is not there. */
  get isLacking(): boolean {
    return this.#isLacking;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#details, key);
  }

  is(key: string): boolean {
    return this.#details[key] === true;
  }

  word(key: string): string {
    return this.has(key) ? plain(this.#details[key]!) : this.#unknown();
  }

  quoted(key: string): string {
    return JSON.stringify(this.word(key));
  }

  device(): string {
    return this.word(this.has("device") ? "device" : "id");
  }

  /** Enough of it to compare with what one has. */
  key(): string {
    return `${this.word("public_key").slice(0, 16)}…`;
  }

  /** Name and id of a vkey: the key itself can be very long. */
  vkey(key: string): string {
    return shortVkey(this.word(key));
  }

  vkeys(key: string): string {
    const keys = this.#details[key];
    if (typeof keys !== "object" || keys === null) return this.#unknown();
    return Object.entries(keys)
      .map(([role, vkey]) => `${role} ${shortVkey(plain(vkey))}`)
      .join(", ");
  }

  time(): string {
    const us = this.#details.previous_valid_until_us;
    return typeof us === "number" && us / 1000 <= latestMs ? new Date(us / 1000).toISOString() : this.#unknown();
  }

  count(key: string, of: string): string {
    return `${this.word(key)} ${of}${this.#details[key] === 1 ? "" : "s"}`;
  }

  list(key: string): string {
    const items = this.#details[key];
    return Array.isArray(items) ? items.map(plain).join(", ") : "";
  }

  because(key: string): string {
    return this.has(key) && this.word(key) !== "" ? `: ${this.word(key)}` : "";
  }

  #unknown(): string {
    this.#isLacking = true;
    return "?";
  }

  all(): string {
    return Object.entries(this.#details)
      .filter(([key]) => key !== "by")
      .map(([key, value]) => `${key} ${shortened(plain(value))}`)
      .join(", ");
  }
}

/** A signature or a key in hex would fill the screen; the details have the whole of it. */
function shortened(text: string): string {
  const characters = [...text];
  return characters.length > maxShown ? `${characters.slice(0, maxShown).join("")}…` : text;
}

function shortVkey(vkey: string): string {
  return vkey.split("+", 2).join("+");
}

function plain(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function jsonOf(value: CborValue): Json {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return bytesToHex(value);
  if (value instanceof CborTag) return { tag: value.tag, value: jsonOf(value.value) };
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, jsonOf(item)]));
  return value as Json;
}

function textIn(body: EventEntry["body"], key: string): string | undefined {
  const value = body.get(key);
  return typeof value === "string" ? value : undefined;
}
