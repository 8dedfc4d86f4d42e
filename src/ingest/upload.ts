/** What a transport hands to ingest, and what it gets back. */
import type { PayloadFormat } from "../dialects/index.ts";
import type { QuarantineReason, RejectReason } from "../rejects.ts";

/** Counters are kept per transport. */
export const transports = ["mqtt", "mqtts", "ws", "serial", "udp", "lora", "lorawan", "mavlink", "fci"] as const;
export type Transport = (typeof transports)[number];

export interface Upload {
  readonly transport: Transport;
  readonly format: PayloadFormat;
  /** The bytes as received. They must not change until the outcome is known. */
  readonly payload: Uint8Array;
  /** The registry id that the topic or port belongs to; identity is checked against it. */
  readonly deviceId: string;
  /** Where it came from, for the ledger entry: the transport, or with a place: `serial:<port name>`, `udp:<address>`. */
  readonly source: string;
  /**
   * Distinguishes repeats of an unsigned board from a reboot that starts again at the same seq:
   * the same bytes with the same session are a duplicate. Signed messages ignore it.
   */
  readonly session?: string;
}

/** In the ledger, and on disk. A duplicate has the leaf of the message it repeats. */
export interface StoredOutcome {
  readonly kind: "stored" | "duplicate";
  readonly leafIndex: number;
  readonly leafHash: Uint8Array;
  readonly message: MessageKey;
}

export type Outcome =
  | StoredOutcome
  | {
      readonly kind: "quarantined";
      readonly reason: QuarantineReason;
      readonly id: number;
      readonly message: MessageKey | undefined;
    }
  | { readonly kind: "rejected"; readonly reason: RejectReason };

/** What an acknowledgement names. */
export interface MessageKey {
  readonly deviceId: string;
  readonly seq: number | bigint | undefined;
  readonly msgId: string | undefined;
}

/** Signs what the sender of an envelope is answered with once it is stored: src/ledger/receipt.ts. */
export interface ReceiptPort {
  /** Costs a signature, so it is asked for only where somebody is going to get it. @param outcome of a CBOR envelope */
  receiptOf(outcome: StoredOutcome): Uint8Array;
}

export interface IngestPort {
  /**
   * Take one upload. `done` is called exactly once, after the outcome is on disk.
   * An error means that nothing was committed (journal failed, disk full, shutting down): do not acknowledge.
   */
  submit(upload: Upload, done: (error: Error | undefined, outcome?: Outcome) => void): void;
  /** False while as many bytes wait for their outcome as may: then a transport takes nothing more from its senders. */
  readonly hasRoom: boolean;
  /** `listener` is called whenever there is room again. */
  onRoom(listener: () => void): void;
  /** Count a message that a transport refused before it became an upload. */
  reject(transport: Transport, reason: RejectReason): void;
}
