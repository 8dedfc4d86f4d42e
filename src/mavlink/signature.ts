/** Message signing: a shared key, SHA-256, 48 bits. https://mavlink.io/en/guide/message_signing.html */
import { type MavlinkFrame, signatureDigest } from "./frame.ts";

/** A new stream may start so far behind what its system has signed before: a minute, in units of 10 µs. */
const newStreamSlack = 6_000_000;
/** Streams remembered; each is a system, component and link. */
const maxStreams = 4_096;

/** @param key 32 bytes */
export function isSignedWith(key: Uint8Array, { wire, signature }: MavlinkFrame): boolean {
  if (!signature) return false;
  const digest = signatureDigest(key, wire.subarray(0, -signature.digest.length));
  // The tag is 48 bits, so a comparison that takes longer for a better guess helps nobody who may send 2^40 frames.
  return signature.digest.every((byte, at) => byte === digest[at]);
}

/** What a replayed frame cannot have: timestamps that go forward, on each stream. */
export class SignatureClock {
  readonly #streams = new Map<string, number>();
  readonly #newest = new Map<string, number>();

  /** Call for frames whose signature holds. @returns false for one that was, or may have been, sent before */
  advance({ system, component, signature }: MavlinkFrame): boolean {
    if (!signature) return true;
    const sender = `${system}.${component}`;
    const stream = `${sender}.${signature.linkId}`;
    const newest = this.#newest.get(sender) ?? 0;
    const floor = this.#streams.get(stream) ?? newest - newStreamSlack;
    if (signature.timestamp <= floor) return false;
    // Only the holder of a key can make streams, and a system has 256 links at most.
    if (this.#streams.size >= maxStreams) this.#streams.delete(this.#streams.keys().next().value!);
    this.#streams.set(stream, signature.timestamp);
    this.#newest.set(sender, Math.max(newest, signature.timestamp));
    return true;
  }
}
