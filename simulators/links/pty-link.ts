/** A board on a serial port. Nothing acknowledges bytes on a cable: what was written before it is pulled has arrived. */
import type { Outgoing } from "../models/model.ts";
import type { Books } from "../run/books.ts";
import { AckReader } from "./ack.ts";
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
  readonly #acks = new AckReader();
  #cable: Cable | undefined;
  /** Frames that wait for an acknowledgement. */
  readonly #retransmitting = new WeakSet<Outgoing>();
  readonly #retransmissions = new Set<Promise<void>>();
  /** Pulling, waiting and laying again, one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: PtyLinkOptions) {
    this.#options = options;
  }

  get place(): string {
    return this.#options.path;
  }

  async open(): Promise<void> {
    this.#cable = await Cable.lay(this.#options.path, (chunk) => this.#heard(chunk));
    await this.#cable.opened;
  }

  send(message: Outgoing): void {
    const { books, deviceId } = this.#options;
    // Nobody keeps what a board says into a cable that is not there, or that leads nowhere.
    if (!this.#cable?.isOpen) {
      books.lost++;
      return;
    }
    books.sent(message, deviceId, "serial");
    books.delivered(message);
    this.#cable.write(message.bytes);
    if (message.retransmit) this.#retransmit(message);
  }

  /** The copy that follows back to back is one of the message, not one of the retransmissions. */
  #retransmit(message: Outgoing): void {
    if (this.#retransmitting.has(message)) return;
    this.#retransmitting.add(message);
    const { everyMs, times, isWanted } = message.retransmit!;
    const work = (async () => {
      for (let sends = 0; sends < times; sends++) {
        await new Promise((resolve) => setTimeout(resolve, everyMs));
        if (!isWanted()) return;
        this.send(message);
      }
    })().finally(() => this.#retransmissions.delete(work));
    this.#retransmissions.add(work);
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
    await Promise.all(this.#retransmissions);
  }

  async close(): Promise<void> {
    await this.#work;
    await this.#cable?.pull();
  }

  #heard(chunk: Buffer): void {
    const { books, deviceId, hear } = this.#options;
    for (const leaf of this.#acks.read(chunk)) books.named(leaf, deviceId);
    for (const answer of hear(chunk)) this.send(answer);
  }
}
