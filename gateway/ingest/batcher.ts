/** Gathers uploads into batches for the verify workers: no timer, a batch leaves when it is full or a worker would idle. */
import type { Upload } from "../../src/ingest/upload.ts";
import type { Device } from "../../src/registry/device.ts";
import { maxBatchCount, slabBytes, type UploadContext, type VerifyResponse } from "./batch.ts";
import { ContextCache } from "./context-cache.ts";
import { VerifyPool } from "./verify-pool.ts";

/** Buffers of each kind that wait to be used again; after a burst the others are given back. */
const spareBuffers = 16;

interface Batch<Item> {
  readonly slab: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  readonly receivedUs: Float64Array;
  readonly contexts: UploadContext[];
  readonly items: Item[];
  used: number;
}

export interface BatcherOptions<Item> {
  readonly workers: number;
  /** In the order in which the uploads were added. `leaves` belongs to the receiver until it is given to `recycle`. */
  readonly onJudged: (response: VerifyResponse, items: readonly Item[]) => void;
  readonly onFatal: (error: Error) => void;
}

export class Batcher<Item> {
  readonly #pool: VerifyPool;
  readonly #onJudged: BatcherOptions<Item>["onJudged"];
  readonly #contexts = new ContextCache();
  /** Full batches for which no worker had room. */
  readonly #waiting: Batch<Item>[] = [];
  /** The items of the batches sent, oldest first; results come in this order. */
  readonly #verifying: Item[][] = [];
  readonly #slabs: ArrayBuffer[] = [];
  readonly #leafBuffers: ArrayBuffer[] = [];
  #open: Batch<Item> | undefined;
  #flushScheduled = false;
  #sequence = 0;

  constructor({ workers, onJudged, onFatal }: BatcherOptions<Item>) {
    this.#onJudged = onJudged;
    this.#pool = new VerifyPool({ workers, onResult: (response) => this.#judged(response), onFatal });
  }

  /** The payload is copied. @param trusted policy lets this transport's unsigned messages be attested @param provenBy see Claim */
  add(upload: Upload, receivedUs: number, trusted: boolean, item: Item, provenBy?: number): void {
    const { payload } = upload;
    const batch = this.#roomFor(payload.length);
    const at = batch.items.length;
    batch.items.push(item);
    batch.contexts.push(this.#contexts.of(upload, trusted, provenBy));
    batch.bytes.set(payload, batch.used);
    batch.used += payload.length;
    batch.ends[at] = batch.used;
    batch.receivedUs[at] = receivedUs;
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    // After this turn of the event loop, so that all that the sockets brought in it travels together.
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush(false);
    });
  }

  /** Uploads added before are judged without the change, those after with it. */
  updateDevices(devices: readonly Device[]): void {
    this.#flush(true);
    this.#pool.updateDevices(devices);
  }

  /** Send all there is, however busy the workers are. */
  flush(): void {
    this.#flush(true);
  }

  recycle(leaves: ArrayBuffer): void {
    if (this.#leafBuffers.length < spareBuffers) this.#leafBuffers.push(leaves);
  }

  /** @throws nothing; results of batches still in work are lost */
  close(): Promise<void> {
    return this.#pool.close();
  }

  #roomFor(length: number): Batch<Item> {
    const open = this.#open;
    if (open && open.items.length < maxBatchCount && open.used + length <= open.slab.byteLength) return open;
    if (open) this.#waiting.push(open);
    const slab = length > slabBytes ? new ArrayBuffer(length) : (this.#slabs.pop() ?? new ArrayBuffer(slabBytes));
    this.#open = {
      slab,
      bytes: new Uint8Array(slab),
      ends: new Uint32Array(maxBatchCount),
      receivedUs: new Float64Array(maxBatchCount),
      contexts: [],
      items: [],
      used: 0,
    };
    return this.#open;
  }

  #flush(all: boolean): void {
    while (this.#waiting.length > 0 && (all || this.#pool.hasRoom)) this.#send(this.#waiting.shift()!);
    // A batch that is not full yet goes when a worker would otherwise idle; while all are busy it keeps growing.
    if (this.#open && this.#waiting.length === 0 && (all || this.#pool.hasIdle)) {
      const open = this.#open;
      this.#open = undefined;
      this.#send(open);
    }
  }

  #send({ slab, ends, receivedUs, contexts, items }: Batch<Item>): void {
    this.#verifying.push(items);
    const leaves = this.#leafBuffers.pop() ?? new ArrayBuffer(slabBytes * 2);
    this.#pool.send({
      type: "verify",
      sequence: this.#sequence++,
      count: items.length,
      slab,
      ends,
      receivedUs,
      contexts,
      leaves,
    });
  }

  #judged(response: VerifyResponse): void {
    const items = this.#verifying.shift()!;
    if (response.slab.byteLength === slabBytes && this.#slabs.length < spareBuffers) this.#slabs.push(response.slab);
    this.#onJudged(response, items);
    this.#flush(false);
  }
}
