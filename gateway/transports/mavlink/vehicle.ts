/**
 * One system and component: its newest frame of each message, and every frame of those that happen once, gathered into
 * one entry after another. docs/adr/0086
 */
import type { MavlinkFrame } from "../../../src/mavlink/frame.ts";
import { TokenBucket } from "../../../src/mqtt/token-bucket.ts";

/** STATUSTEXT and MISSION_ITEM_REACHED: a newer one does not replace an older one. */
const events: ReadonlySet<number> = new Set([253, 46]);
/** Frames in one entry at most; with 280 bytes each they fit a ledger entry. */
const maxFrames = 128;

/** How to answer whoever a frame came from. */
export type Way = (bytes: Uint8Array) => void;

export class Vehicle {
  lastMs: number;
  /** Of the newest frame that was taken. */
  way: Way | undefined;
  /** Told of every COMMAND_ACK while a command is open. */
  onCommandAck: ((payload: Uint8Array) => void) | undefined;
  readonly frames: TokenBucket;
  readonly refused: TokenBucket;
  /** By message, or by message and place for events. In order of arrival. */
  #held = new Map<string, Uint8Array>();
  #count = 0;

  constructor(framesPerSecond: number, refusedPerSecond: number, nowMs: number) {
    this.frames = new TokenBucket(framesPerSecond, nowMs);
    this.refused = new TokenBucket(refusedPerSecond, nowMs);
    this.lastMs = nowMs;
  }

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** @returns what became of frames: `thinned` where a newer one took an older one's place */
  hold({ messageId, wire }: MavlinkFrame): "held" | "thinned" | "full" {
    const isEvent = events.has(messageId);
    const key = isEvent ? `${messageId}.${this.#count++}` : String(messageId);
    const isNewer = this.#held.delete(key);
    if (!isNewer && this.#held.size >= maxFrames) return "full";
    this.#held.set(key, wire.slice());
    return isNewer ? "thinned" : "held";
  }

  /** The frames held, one after another, which are held no longer. */
  take(): { readonly payload: Uint8Array; readonly frames: number } {
    const payload = Buffer.concat([...this.#held.values()]);
    const frames = this.#held.size;
    this.#held = new Map();
    return { payload, frames };
  }
}
