import type { GatewayError } from "../../src/errors.ts";

/** Entries that are appended together, in order. */
export interface LogBatch {
  readonly count: number;
  /** Concatenated: `count` × (u16be length ‖ entry). */
  readonly bundle: readonly Uint8Array[];
  /** Marks the frame, so that `controlFrames` finds it. */
  readonly control: boolean;
}

/** Called exactly once: without an error after the fdatasync that covers the batch. */
export type Durable = (error?: GatewayError) => void;

/** What grows with a log and can be derived from it again. */
export interface LogFollower<B extends LogBatch> {
  /** A frame of these batches is durable. */
  commit(batches: readonly B[]): void;
  /** Every batch appended since the last durable frame is given back, before their owners are told. */
  giveBack(): void;
  /** Tries again to write what was held back; `blocked` says whether that worked. */
  flush(): Promise<void>;
  /** Makes what was derived so far durable. */
  sync(): Promise<void>;
  /** Why what was derived cannot be written, for example a full disk: the log then takes no more until it can. */
  readonly blocked: unknown;
}
