/**
 * Frames out of a stream of bytes. A frame that is none costs its first byte and the search goes on behind it, so noise
 * hides no frame; of a run of noise there is one item. Never more than one frame is held.
 */
import { frameLength, type MavlinkFrame, type MavlinkReject, mavlink, readMavlinkFrame } from "./frame.ts";

export type MavlinkItem =
  | { readonly kind: "frame"; readonly frame: MavlinkFrame }
  | { readonly kind: "broken"; readonly reason: MavlinkReject };

export class MavlinkSplitter {
  #held: Uint8Array = new Uint8Array(0);
  #items: MavlinkItem[] = [];
  /** The run of noise we are in has been counted. */
  #counted = false;

  /** Frames are views into `chunk`, or into memory of their own. */
  push(chunk: Uint8Array): MavlinkItem[] {
    const bytes = this.#held.length === 0 ? chunk : concat(this.#held, chunk);
    const rest = this.#split(bytes, false);
    // A copy: the caller may use the chunk's memory again.
    this.#held = bytes.slice(rest);
    return this.#take();
  }

  /** No more bytes: a frame that has begun is broken, and what looked like its beginning may hold others. */
  end(): MavlinkItem[] {
    this.#split(this.#held, true);
    this.#held = new Uint8Array(0);
    this.#counted = false;
    return this.#take();
  }

  /** @returns where the frame begins that has not come whole */
  #split(bytes: Uint8Array, isEnd: boolean): number {
    let at = 0;
    while (at < bytes.length) {
      if (bytes[at] !== mavlink.stx) {
        this.#break(bytes[at] === mavlink.stxOfVersion1 ? "FRAME_BAD_VERSION" : "FRAME_BAD_MAGIC");
        at++;
        continue;
      }
      const length = frameLength(bytes, at);
      if (!isEnd && (length === undefined || bytes.length < at + length)) return at;
      const frame = readMavlinkFrame(bytes, at);
      if (frame.ok) {
        this.#items.push({ kind: "frame", frame: frame.value });
        this.#counted = false;
        at += length!;
      } else {
        // A message of a dialect we do not have is stepped over whole where another frame, or nothing, follows.
        const next = frame.reject === "FRAME_UNKNOWN_TYPE" ? bytes[at + length!] : 0;
        const isWhole = next === undefined || next === mavlink.stx;
        if (isWhole) this.#counted = false;
        this.#break(frame.reject);
        if (isWhole) this.#counted = false;
        at += isWhole ? length! : 1;
      }
    }
    return at;
  }

  #break(reason: MavlinkReject): void {
    if (!this.#counted) this.#items.push({ kind: "broken", reason });
    this.#counted = true;
  }

  #take(): MavlinkItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
