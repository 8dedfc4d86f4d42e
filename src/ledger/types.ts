/** The shapes that ingest, the journal, the tailers and the API share about ledger entries. */
import type { CborValue } from "../codec/cbor.ts";
import type { PayloadFormat } from "../dialects/index.ts";
import type { Seal } from "./seal.ts";
import type { Tombstone } from "./tombstone.ts";

/** A device's message, kept verbatim. Leaf: deterministic CBOR `[1, payload, received_us, key_epoch, device, format, source, firmware]`. */
export interface ReadingEntry {
  readonly kind: "reading";
  /** The bytes as received. */
  readonly payload: Uint8Array;
  /** Gateway clock, microseconds since 1970. */
  readonly receivedUs: number;
  /** The key epoch that verified the signature; 0 when nothing did and the gateway only attests receipt. */
  readonly keyEpoch: number;
  /** Registry id. */
  readonly deviceId: string;
  readonly format: PayloadFormat;
  readonly source: string;
  /** Firmware version in force when it arrived; empty when never reported. */
  readonly firmware: string;
}

/** A decision about the gateway itself. Leaf: deterministic CBOR `[3, type, received_us, body]`. */
export interface EventEntry {
  readonly kind: "event";
  /** `device.enrolled`, `device.revoked`, … : the list is in src/registry/events.ts. */
  readonly type: string;
  readonly receivedUs: number;
  /** Map with text keys. */
  readonly body: Map<string, CborValue>;
}

/** What closes a block. Leaf: COSE_Sign1, see seal.ts. */
interface SealEntry extends Seal {
  readonly kind: "seal";
}

/** What is left of a reading that was taken out. See tombstone.ts. */
interface RemovedEntry extends Tombstone {
  readonly kind: "removed";
}

export type LedgerEntry = ReadingEntry | EventEntry | SealEntry | RemovedEntry;

/** A leaf is at most this long, because a tlog-tiles entry bundle prefixes it with a u16. */
export const maxEntryBytes = 65_535;

/** Entries on their way into the journal, in the order they take their leaf indexes. */
export interface EntryBatch {
  readonly count: number;
  /** Concatenated, these are `count` × (u16be length ‖ entry), the bundle encoding of C2SP tlog-tiles. */
  readonly bundle: readonly Uint8Array[];
  /** `count` × 32 bytes: RFC 6962 leaf hashes of the entries. */
  readonly leafHashes: Uint8Array;
  /** True when any of the entries is an event: such frames are found again without decoding the others. */
  readonly control: boolean;
}

/** The append side of the ledger, as ingest sees it. */
export interface LedgerPort {
  /** Entries with a leaf index, durable or about to be. */
  readonly size: number;
  /** Entries whose fsync has returned. Nothing at or beyond this index may be acknowledged or copied on. */
  readonly durableSize: number;
  /** Bytes appended whose fsync has not returned. */
  readonly pendingBytes: number;
  /**
   * Give the batch the next leaf indexes, at once, and write it with the next group commit. The buffers belong to the
   * ledger until `durable` is called, exactly once: without an error after the fsync that covers the batch.
   * @returns leaf index of the first entry
   * @throws GatewayError JOURNAL_FAILED, DISK_FULL or SHUTTING_DOWN; then nothing was appended and `durable` is not called
   */
  append(batch: EntryBatch, durable: (error?: Error) => void): number;
  /** The verbatim leaf bytes, hash-checked, or the tombstone in their place; undefined beyond `durableSize`. */
  readEntry(leafIndex: number): Promise<Uint8Array | undefined>;
}
