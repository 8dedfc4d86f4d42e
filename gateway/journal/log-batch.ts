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
  /** The next frame is being synced: time for the computing that it needs. If it fails, `commit` does not follow. */
  extend(batches: readonly B[]): void;
  /** The frame is durable. */
  commit(): void;
  /** Tries again to write what was held back; `blocked` says whether that worked. */
  flush(): Promise<void>;
  /** Makes what was derived so far durable. */
  sync(): Promise<void>;
  /** Why what was derived cannot be written, for example a full disk: the log then takes no more until it can. */
  readonly blocked: unknown;
}
