/** A board on a serial port. Nothing acknowledges bytes on a cable: what was written before it is pulled has arrived. */
import type { Outgoing } from "../models/model.ts";
import type { Books } from "../run/books.ts";
import { Cable } from "./cable.ts";
import type { Link } from "./link.ts";

export interface PtyLinkOptions {
  readonly deviceId: string;
  /** Where the gateway looks for the port. */
  readonly path: string;
  readonly books: Books;
  /** What the board answers to what it reads. */
  readonly hear: (bytes: Uint8Array) => Outgoing[];
}

export class PtyLink implements Link {
  readonly #options: PtyLinkOptions;
  #cable: Cable | undefined;
  /** Pulling, waiting and laying again, one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: PtyLinkOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#cable ??= await Cable.lay(this.#options.path, (chunk) => this.#heard(chunk));
  }

  send(message: Outgoing): void {
    const { books, deviceId } = this.#options;
    // Nobody keeps what a board says into a cable that is not there.
    if (!this.#cable) {
      books.lost++;
      return;
    }
    books.sent(message, deviceId, "serial");
    books.delivered(message);
    this.#cable.write(message.bytes);
  }

  cut(forMs: number): void {
    const cable = this.#cable;
    if (!cable?.canBePulled) return;
    this.#cable = undefined;
    this.#work = this.#work.then(async () => {
      await cable.pull();
      await new Promise((resolve) => setTimeout(resolve, forMs));
      await this.open();
    });
  }

  slow(): void {}

  async drained(): Promise<void> {
    await this.#work;
  }

  async close(): Promise<void> {
    await this.#work;
    await this.#cable?.pull();
  }

  #heard(chunk: Buffer): void {
    for (const answer of this.#options.hear(chunk)) this.send(answer);
  }
}
