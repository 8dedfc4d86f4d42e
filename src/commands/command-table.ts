/** The latest commands, folded from their ledger events in order. */
import { type Command, isFinished } from "./command.ts";
import type { CommandEvent } from "./events.ts";

export class CommandTable {
  readonly #remembered: number;
  /** Oldest first. */
  readonly #commands = new Map<string, Command>();

  /** @param remembered finished commands beyond so many are forgotten, oldest first */
  constructor(remembered: number) {
    this.#remembered = remembered;
  }

  find(id: string): Command | undefined {
    return this.#commands.get(id);
  }

  /** Newest first. */
  list(deviceId?: string): Command[] {
    const all = [...this.#commands.values()].reverse();
    return deviceId === undefined ? all : all.filter((command) => command.deviceId === deviceId);
  }

  /** @returns the command as it is now; undefined where the event changes none */
  apply(event: CommandEvent, atUs: number): Command | undefined {
    const next = this.#next(event, atUs);
    if (next) this.#commands.set(next.id, next);
    this.#forget();
    return next;
  }

  #next(event: CommandEvent, atUs: number): Command | undefined {
    const known = this.#commands.get(event.id);
    if (event.type === "command.accepted") {
      if (known) return undefined;
      const { type: _type, ...accepted } = event;
      const open = { link: undefined, message: "", code: undefined, sentUs: undefined, finishedUs: undefined };
      return { ...accepted, ...open, state: "queued", acceptedUs: atUs };
    }
    if (known?.deviceId !== event.deviceId) return undefined;
    if (event.type === "command.sent")
      return isFinished(known) ? undefined : { ...known, state: "sent", link: event.link, sentUs: atUs };
    // A device that answers late has the last word; of two answers the first counts.
    if (isFinished(known) && known.state !== "unanswered") return undefined;
    return { ...known, state: event.outcome, message: event.message, code: event.code, finishedUs: atUs };
  }

  #forget(): void {
    if (this.#commands.size <= this.#remembered) return;
    for (const command of this.#commands.values()) {
      if (this.#commands.size <= this.#remembered) return;
      if (isFinished(command)) this.#commands.delete(command.id);
    }
  }
}
