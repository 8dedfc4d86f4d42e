/**
 * Which chained messages are proven, and which wait. Proven is whatever a verified signature leads to, whether it has come
 * or not; once one that waits is proven, its own links are too. Both sets are a cache: the first is rebuilt from the newest
 * ledger entries, the second from quarantine. docs/adr/0097
 */

export interface Proof {
  /** Of the signature. */
  readonly keyEpoch: number;
  /** When the message that closed the proof was received, microseconds since 1970. */
  readonly atUs: number;
}

interface Waiting {
  readonly quarantineId: number;
  readonly receivedUs: number;
}

interface Chain {
  /** By link in hex, oldest first. */
  readonly proven: Map<string, Proof>;
  readonly waiting: Map<string, Waiting>;
}

/** Far more than a device leaves open at a time: late messages are taken on their proof as long as it is remembered. */
const maxProven = 1024;

export class ChainBook {
  readonly #maxWaitUs: number;
  readonly #chains = new Map<string, Chain>();
  /** Where a waiting message is found when it leaves quarantine. */
  readonly #places = new Map<number, { readonly deviceId: string; readonly link: string }>();

  /** @param maxWaitUs a message that waits for longer is not proven any more: it could be made up by who got the key since */
  constructor(maxWaitUs: number) {
    this.#maxWaitUs = maxWaitUs;
  }

  /** A message is in quarantine until it is proven. */
  wait(deviceId: string, link: Uint8Array, waiting: Waiting): void {
    const text = hexOf(link);
    const chain = this.#chain(deviceId);
    if (chain.waiting.has(text)) return;
    chain.waiting.set(text, waiting);
    this.#places.set(waiting.quarantineId, { deviceId, link: text });
  }

  /** It is no longer in quarantine. */
  leave(quarantineId: number): void {
    const place = this.#places.get(quarantineId);
    if (!place) return;
    this.#places.delete(quarantineId);
    const chain = this.#chains.get(place.deviceId)!;
    chain.waiting.delete(place.link);
    if (chain.waiting.size + chain.proven.size === 0) this.#chains.delete(place.deviceId);
  }

  waiting(deviceId: string, link: Uint8Array): number | undefined {
    return this.#chains.get(deviceId)?.waiting.get(hexOf(link))?.quarantineId;
  }

  proof(deviceId: string, link: Uint8Array): Proof | undefined {
    return this.#chains.get(deviceId)?.proven.get(hexOf(link));
  }

  /** A durable entry of the device leads to these. @returns ids in quarantine of those that can come out now */
  prove(deviceId: string, links: readonly Uint8Array[], proof: Proof): number[] {
    const released: number[] = [];
    if (links.length === 0) return released;
    const { proven, waiting } = this.#chain(deviceId);
    for (const link of links.map(hexOf)) {
      const known = proven.get(link);
      if (!known) proven.set(link, proof);
      const { atUs } = known ?? proof;
      const held = waiting.get(link);
      if (held && atUs - held.receivedUs <= this.#maxWaitUs) released.push(held.quarantineId);
    }
    for (const oldest of proven.keys()) {
      if (proven.size <= maxProven) break;
      proven.delete(oldest);
    }
    return released;
  }

  /** What waits although it is proven: found so after a crash between the two. */
  overdue(): number[] {
    return [...this.#places].flatMap(([quarantineId, { deviceId, link }]) => {
      const { proven, waiting } = this.#chains.get(deviceId)!;
      const proof = proven.get(link);
      return proof && proof.atUs - waiting.get(link)!.receivedUs <= this.#maxWaitUs ? [quarantineId] : [];
    });
  }

  get waitingCount(): number {
    return this.#places.size;
  }

  #chain(deviceId: string): Chain {
    let chain = this.#chains.get(deviceId);
    if (!chain) {
      chain = { proven: new Map(), waiting: new Map() };
      this.#chains.set(deviceId, chain);
    }
    return chain;
  }
}

function hexOf(link: Uint8Array): string {
  return Buffer.from(link.buffer, link.byteOffset, link.length).toString("hex");
}
