/** The sending half of sparse signing: what a device would send, message by message. */
import { anchorMetadata, chainedId, encodeChained } from "../../src/codec/chained.ts";
import type { EnvelopeFields } from "../../src/codec/envelope.ts";
import { blake2b256, signedEnvelope, type TestDevice } from "./envelopes.ts";

export interface SparseMessage {
  readonly bytes: Uint8Array;
  readonly isAnchor: boolean;
  readonly format: "envelope" | "envelope-chained";
}

export class SparseChain {
  readonly #device: TestDevice;
  readonly #span: number;
  readonly #links: number;
  #recent: Uint8Array[] = [];
  #unsigned = 0;
  #seq = 0;

  /** @param span messages between two signatures @param links how many messages back each one leads */
  constructor(device: TestDevice, span: number, links: number) {
    this.#device = device;
    this.#span = span;
    this.#links = links;
  }

  next(fields: Partial<EnvelopeFields> = {}): SparseMessage {
    return this.#unsigned < this.#span ? this.chained(fields) : this.anchor(fields);
  }

  chained(fields: Partial<EnvelopeFields> = {}): SparseMessage {
    const readings = [{ sensor: 1, vi: 217, vs: 1, unit: 1, quality: 0 }];
    const seq = ++this.#seq;
    const { id: deviceId } = this.#device;
    const bytes = encodeChained({ deviceId, seq, epochMs: 1_760_000_000_000, readings, ...fields }, this.#recent);
    this.#recent = [chainedId(blake2b256(bytes)), ...this.#recent].slice(0, this.#links);
    this.#unsigned++;
    return { bytes, isAnchor: false, format: "envelope-chained" };
  }

  anchor(fields: Partial<EnvelopeFields> = {}): SparseMessage {
    const metadata = anchorMetadata(this.#recent, fields.metadata);
    const bytes = signedEnvelope(this.#device, { seq: ++this.#seq, ...fields, metadata });
    this.#unsigned = 0;
    return { bytes, isAnchor: true, format: "envelope" };
  }

  /** The memory of what was sent is gone; numbering goes on. */
  reboot(): void {
    this.#recent = [];
    this.#unsigned = 0;
  }
}
