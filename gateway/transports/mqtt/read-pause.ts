/**
 * When to read: at once while little comes; under load after a pause in proportion to what was read last, as network
 * cards moderate their interrupts. Every later step (verification, commit, PUBACK) costs something each time, however
 * many messages it handles, and a pause lets more of them share that.
 */

/** Pauses grow at more than one packet in this time, and vanish at less. */
const pauseMsPerPacket = 0.15;
/** What a packet waits at most, before it is read, on top of the turn of the event loop. */
const longestPauseMs = 10;

export class ReadPause<Reader> {
  readonly #read: (reader: Reader) => number;
  /** Those with something to read when the pause is over. */
  readonly #ready = new Set<Reader>();
  #packets = 0;
  #isTurn = false;
  #pause: NodeJS.Timeout | undefined;

  /** @param read returns the number of packets that came and are not done: what is done at once costs no later step anything */
  constructor(read: (reader: Reader) => number) {
    this.#read = read;
  }

  /** There is something to read: it is read now, or when the pause is over. */
  ready(reader: Reader): void {
    if (this.#pause) this.#ready.add(reader);
    else this.#readNow(reader);
  }

  remove(reader: Reader): void {
    this.#ready.delete(reader);
  }

  #readNow(reader: Reader): void {
    this.#packets += this.#read(reader);
    if (this.#isTurn) return;
    this.#isTurn = true;
    // All that the sockets bring in this turn of the event loop counts together.
    setImmediate(() => {
      this.#isTurn = false;
      const pauseMs = Math.min(longestPauseMs, this.#packets * pauseMsPerPacket);
      this.#packets = 0;
      if (pauseMs >= 1) this.#pause = setTimeout(() => this.#resume(), pauseMs);
    });
  }

  #resume(): void {
    this.#pause = undefined;
    const ready = [...this.#ready];
    this.#ready.clear();
    for (const reader of ready) this.#readNow(reader);
  }
}
