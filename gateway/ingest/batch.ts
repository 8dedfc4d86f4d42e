/**
 * What travels between the main thread and a verify worker. Payloads are copied once, from the socket's buffer into a
 * slab; the slab and the finished leaves then change owner by transfer. (A SharedArrayBuffer would save the transfer,
 * but sodium-native's bindings do not accept memory shared between threads.)
 */
import type { PayloadFormat } from "../../src/dialects/index.ts";
import type { Device } from "../../src/registry/device.ts";
import type { QuarantineReason } from "../../src/rejects.ts";

/** Messages in a batch at most; enough to make a hand-over cheap, few enough that a burst is shared by the workers. */
export const maxBatchCount = 64;
/** Bytes of payload a slab holds, unless one message alone is larger. */
export const slabBytes = 96 * 1024;

/** Main → worker. Devices change by messages between batches, so order on the port is order of decisions. */
export type WorkerRequest = { readonly type: "devices"; readonly devices: readonly Device[] } | VerifyRequest;

export interface VerifyRequest {
  readonly type: "verify";
  readonly sequence: number;
  readonly count: number;
  /** Payloads one after the other. */
  readonly slab: ArrayBuffer;
  /** Ends of the payloads in the slab. */
  readonly ends: Uint32Array;
  readonly receivedUs: Float64Array;
  readonly contexts: readonly UploadContext[];
  /** A buffer for the leaves to be written into; the worker takes a larger one if it must. */
  readonly leaves: ArrayBuffer;
}

/** What is known of a payload besides its bytes. Uploads of one device share one object, so a clone sends it once. */
export interface UploadContext {
  readonly format: PayloadFormat;
  readonly deviceId: string;
  readonly source: string;
  readonly session: string;
  /** Policy lets this transport's unsigned messages be attested. */
  readonly trusted: boolean;
  /** See Claim. */
  readonly provenBy?: number;
}

/** Worker → main. */
export interface VerifyResponse {
  readonly sequence: number;
  readonly slab: ArrayBuffer;
  readonly leaves: ArrayBuffer;
  /** Ends of the bundle-encoded leaves; a refused message has an empty one. */
  readonly leafEnds: Uint32Array;
  /** 32 bytes a message. */
  readonly leafHashes: Uint8Array;
  /** Four u32 a message, see dedupe-window.ts. All zero where the message is never a duplicate. */
  readonly fingerprints: Uint32Array;
  readonly refusals: readonly BatchRefusal[];
  /** Of the accepted messages, those that prove others: none, as a rule. */
  readonly proving: readonly ProvingMessage[];
}

export interface ProvingMessage {
  readonly index: number;
  readonly keyEpoch: number;
  readonly links: readonly Uint8Array[];
}

export interface BatchRefusal {
  readonly index: number;
  readonly reason: QuarantineReason;
  readonly detail: string;
}
