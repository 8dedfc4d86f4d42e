/** What a transport offers the command desk: it knows its devices' commands, sends one, and tells the answer to it. */
import type { CommandAnswer, Instruction } from "../../src/commands/command.ts";

export interface CommandOrder extends Instruction {
  readonly id: string;
  readonly deviceId: string;
  readonly expiresMs: number;
  /** Nobody waits any more; its `reason` is the GatewayError that says why. */
  readonly signal: AbortSignal;
  /**
   * Call it once the way is free and right before the bytes leave: it resolves when the ledger says that they did. The
   * time for the answer runs from then on. @throws GatewayError where the command must not leave any more
   */
  leaving(): Promise<void>;
}

export interface CommandLink {
  /** As in the ledger and in a transport's name. */
  readonly name: string;
  reaches(deviceId: string): boolean;
  /** Whether the device has shown how it is spoken to. Absent where `reaches` says so too. */
  isHeard?(deviceId: string): boolean;
  /** Commands of one lane go one after the other; a device has one lane. */
  lane(deviceId: string): string;
  /** @throws GatewayError COMMAND_UNSUPPORTED, COMMAND_UNKNOWN, REQUEST_INVALID for what the device's family does not take */
  check(deviceId: string, instruction: Instruction): void;
  /**
   * May wait for its turn, for an open port or for time on air before it calls `leaving`; gives up when `signal` says so.
   * @throws GatewayError
   */
  send(order: CommandOrder): Promise<CommandAnswer>;
}

/** `promise`, unless `signal` is aborted before. @throws the signal's reason */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
