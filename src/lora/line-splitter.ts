/** Lines out of a stream of bytes, none longer than a limit: of a longer one there is one item, and its rest is skipped. */

export type LineItem = { readonly kind: "line"; readonly text: string } | { readonly kind: "too-long" };

const lineFeed = 0x0a;
const utf8 = new TextDecoder();

export class LineSplitter {
  readonly #maxBytes: number;
  #held: number[] = [];
  #skipping = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): LineItem[] {
    const items: LineItem[] = [];
    for (const byte of chunk) {
      if (byte === lineFeed) {
        const text = utf8.decode(Uint8Array.from(this.#held)).trim();
        if (!this.#skipping && text !== "") items.push({ kind: "line", text });
        this.#held = [];
        this.#skipping = false;
      } else if (!this.#skipping) {
        this.#held.push(byte);
        if (this.#held.length > this.#maxBytes) {
          items.push({ kind: "too-long" });
          this.#held = [];
          this.#skipping = true;
        }
      }
    }
    return items;
  }
}
