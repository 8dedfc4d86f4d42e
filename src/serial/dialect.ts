/**
 * The seam between a port and what is spoken on it: one file in src/dialects/ for each dialect, pure and total.
 * A dialect turns one frame or one line into what it says; numbering, acknowledgements and identity are the session's work.
 */
import type { MdpPacket } from "../codec/mdp.ts";
import type { PayloadFormat } from "../dialects/index.ts";

/** What an unsigned board says of itself, at boot, when asked, or in every message. */
export interface Hello {
  /** As sent; not unique, see wire-facts §4.2. Undefined where the board names none. */
  readonly deviceId: string | undefined;
  readonly role: string;
  readonly firmware: string;
}

/** A board's verdict on a command. */
export interface CommandResult {
  readonly success: boolean;
  readonly message: string;
  /** Generation A: the number of the command, all that says which one this is about. */
  readonly cmdId?: number;
  /** ScienceComms: the command's words as it repeats them, which is all that says which one this is about. */
  readonly word?: string;
}

export interface SerialMessage {
  readonly format: PayloadFormat;
  /** The bytes for the ledger. */
  readonly payload: Uint8Array;
  /** Whose signature the message claims to carry: such a message stands for itself, whatever port it came by. */
  readonly signedBy?: string;
  /** A readable message of an unsigned board: whoever sent it is the board on this port. */
  readonly fromBoard?: boolean;
  readonly hello?: Hello;
  /** The board says no more of itself than this message does: there is nothing to wait for, and nothing to ask. */
  readonly sayAll?: boolean;
  /** Twelve lower-case hex digits of the board's own MAC, which no other board has. */
  readonly mac?: string;
  readonly result?: CommandResult;
}

export interface FrameDialect {
  readonly name: FrameDialectName;
  /**
   * @param wire the whole frame as received, delimiter included
   * @returns what the packet says, or undefined where it is not of this dialect
   */
  read(packet: MdpPacket, wire: Uint8Array): SerialMessage | undefined;
}

export type FrameDialectName = "mdp-envelope" | "mdp-a" | "mdp-b" | "mdp-drone" | "mdp-wifisense";
