/** What a family makes of a command: bytes, and how its answer is told from everything else. One file a family encodes. */
import type { GatewayError } from "../errors.ts";
import type { Refusal, Result } from "../result.ts";
import type { Instruction } from "./command.ts";

/** Codes of the errors that a family refuses a command with, before anything of it leaves. */
export type CommandReject = Extract<
  GatewayError["code"],
  "COMMAND_UNSUPPORTED" | "COMMAND_UNKNOWN" | "REQUEST_INVALID"
>;

export interface Addressed extends Instruction {
  /** Absent where nobody answers for it. */
  readonly id: string;
  readonly expiresMs: number;
}

export type PortCommand =
  | {
      /** The body of an MDP COMMAND frame. */
      readonly form: "frame";
      readonly body: Uint8Array;
      /** Trailing spaces do it no harm. */
      readonly isJson: boolean;
      readonly dst: number;
      readonly answer: FrameAnswer;
    }
  | {
      /** One line of text, without its end. */
      readonly form: "line";
      readonly text: string;
      readonly answer: LineAnswer;
    };

/** By its seq, as generation B does; or by the command's number, which is all that generation A says. */
export type FrameAnswer =
  | { readonly by: "seq"; readonly cmd: string }
  | { readonly by: "number"; readonly cmdId: number };

/** By a line about the command of this word, which may say no more than that it went out; or not at all. */
export type LineAnswer =
  | { readonly by: "word"; readonly word: string; readonly isDelivery?: true }
  | { readonly by: "nothing" };

export type Encoded = Result<PortCommand, CommandReject>;

export function refuseUnknown(cmd: string, family: string, known: Iterable<string>): Refusal<CommandReject> {
  return {
    ok: false,
    reject: "COMMAND_UNKNOWN",
    detail: `${family} has no command ${cmd.slice(0, 64)}, but ${[...known].join(", ")}`,
  };
}
