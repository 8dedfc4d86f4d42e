/** A command to a device, as the gateway's API, its links and its ledger share it. docs/adr/0092 */

/** What somebody wants done, in the words of the device's family. */
export interface Instruction {
  readonly cmd: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a device, or the way to it, has to say of a command. */
export interface CommandAnswer {
  /** `delivered`: handed over, and this family does not say what came of it. */
  readonly outcome: "succeeded" | "failed" | "delivered";
  /** As the device words it. */
  readonly message: string;
}

/**
 * - `unanswered`: it was sent and no answer came in time; the device may have acted
 * - `expired`: it had not left before its time was up
 * - `not_sent`: the way to the device could not take it
 */
export const commandOutcomes = ["succeeded", "failed", "delivered", "unanswered", "expired", "not_sent"] as const;

export type CommandOutcome = (typeof commandOutcomes)[number];
export const commandStates = ["queued", "sent", ...commandOutcomes] as const;
export type CommandState = (typeof commandStates)[number];

export interface Command extends Instruction {
  /** Whoever asks gives it, or the gateway does; asking again under the same id is the same command. */
  readonly id: string;
  readonly deviceId: string;
  /** The operator. */
  readonly by: string;
  /** By what way it was asked for: `http`, `mqtt`. */
  readonly via: string;
  readonly state: CommandState;
  readonly message: string;
  /** Error code of the gateway, where it was not the device that ended it. */
  readonly code: string | undefined;
  /** The link it was sent by. */
  readonly link: string | undefined;
  /** How long an answer is waited for once it is sent, ms. */
  readonly timeoutMs: number;
  readonly acceptedUs: number;
  /** It is not sent after that. */
  readonly expiresUs: number;
  readonly sentUs: number | undefined;
  readonly finishedUs: number | undefined;
}

/** 36 characters hold a UUID, and fit what the C library remembers of an id (MYCO_COMMAND_ID_MAX, with quotes). */
export const commandIdPattern = /^[A-Za-z0-9._:-]{1,36}$/;

/** Longest `params`, as JSON. No family takes more than a fraction of it. */
export const maxParamsBytes = 4_096;

/** A day for the answer of a device that sleeps; a week until it is to be sent. */
export const maxTimeoutMs = 86_400_000;
export const maxExpiryMs = 604_800_000;

export function isFinished({ state }: Command): boolean {
  return state !== "queued" && state !== "sent";
}
