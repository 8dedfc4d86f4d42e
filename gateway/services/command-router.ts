import type { CommandService } from "../http/services.ts";

export interface CommandLink extends CommandService {
  reaches(deviceId: string): boolean;
}

/** A command goes by the link that last reached its device; where none did, the first one says why it cannot. */
export class CommandRouter implements CommandService {
  readonly #links: readonly CommandLink[];
  readonly #fallback: CommandService;

  constructor(links: readonly CommandLink[], fallback: CommandService) {
    this.#links = links;
    this.#fallback = fallback;
  }

  send(...command: Parameters<CommandService["send"]>): ReturnType<CommandService["send"]> {
    const link = this.#links.find((candidate) => candidate.reaches(command[0]));
    return (link ?? this.#fallback).send(...command);
  }
}
