import type { Outgoing } from "../models/model.ts";

/** How a device reaches the gateway. It writes into the books what it sends, and what it knows has arrived. */
export interface Link {
  /** The serial port that it is at. */
  readonly place?: string;
  /** Resolves when the device may speak. */
  open(): Promise<void>;
  /** Handed over at once, or when the link is back. */
  send(message: Outgoing): void;
  /** The link is gone for so long, without a word. */
  cut(forMs: number): void;
  /** Nothing of what the gateway sends is read for so long. */
  slow(forMs: number): void;
  /** Resolves when everything that was sent has arrived, as far as the device can tell. */
  drained(): Promise<void>;
  close(): Promise<void>;
}
