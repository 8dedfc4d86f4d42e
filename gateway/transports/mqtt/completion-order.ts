type Callback = (error?: Error | null) => void;

interface Slot {
  readonly callback: Callback;
  settled: boolean;
  error: Error | null | undefined;
}

/** Calls back in the order the slots were taken, because PUBACKs leave in the order of the PUBLISHes (MQTT-4.6.0-2). */
export class CompletionOrder {
  readonly #slots: Slot[] = [];

  /** Take the next place. @returns call it once, when the work is done */
  take(callback: Callback): Callback {
    const slot: Slot = { callback, settled: false, error: undefined };
    this.#slots.push(slot);
    return (error) => {
      slot.settled = true;
      slot.error = error;
      this.#complete();
    };
  }

  #complete(): void {
    for (let head = this.#slots[0]; head?.settled; head = this.#slots[0]) {
      this.#slots.shift();
      head.callback(head.error);
    }
  }
}
