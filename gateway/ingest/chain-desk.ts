/**
 * Chained messages between their arrival and the signature that proves them. They wait in quarantine, and come out into the
 * ledger by themselves: each behind the entry that leads to it, so that the ledger read in order holds every proof.
 */
import sodium from "sodium-native";
import { chainedId } from "../../src/codec/chained.ts";
import { ChainBook, type Proof } from "../../src/ingest/chain-book.ts";
import type { QuarantineItemRecord } from "../../src/ingest/quarantine-record.ts";
import type { Outcome, Upload } from "../../src/ingest/upload.ts";
import type { ReadingEntry } from "../../src/ledger/types.ts";
import { asBuffer } from "../as-buffer.ts";
import type { QuarantineLog, QuarantineObserver } from "./quarantine-log.ts";

export class ChainDesk implements QuarantineObserver {
  readonly #book: ChainBook;
  /** By id in quarantine: several links may lead to one message. */
  readonly #releases = new Map<number, Promise<void>>();
  #released = 0;
  #stopping = false;

  /** @param maxWaitUs longest time between a message and the signature that proves it */
  constructor(maxWaitUs: number) {
    this.#book = new ChainBook(maxWaitUs);
  }

  /** Messages that wait for a signature. */
  get waiting(): number {
    return this.#book.waitingCount;
  }

  /** Messages that came out of quarantine, since this start. */
  get released(): number {
    return this.#released;
  }

  held(quarantineId: number, { reason, upload, receivedUs }: QuarantineItemRecord): void {
    if (reason === "SIGNATURE_PENDING")
      this.#book.wait(upload.deviceId, linkTo(upload.payload), { quarantineId, receivedUs });
  }

  gone(quarantineId: number): void {
    this.#book.leave(quarantineId);
  }

  /** Entries of the ledger in ascending order, before anything is taken in. @param links what the payload leads to */
  remember({ format, payload, deviceId, keyEpoch, receivedUs }: ReadingEntry, links: readonly Uint8Array[]): void {
    if (keyEpoch === 0) return;
    if (format === "envelope-chained") {
      const link = linkTo(payload);
      const atUs = Math.max(receivedUs, this.#book.proof(deviceId, link)?.atUs ?? 0);
      this.#book.prove(deviceId, [link, ...links], { keyEpoch, atUs });
    } else this.#book.prove(deviceId, links, { keyEpoch, atUs: receivedUs });
  }

  proof({ deviceId, payload }: Upload): Proof | undefined {
    return this.#book.proof(deviceId, linkTo(payload));
  }

  /** The id in quarantine of the same message, if it came before. */
  heldAs({ deviceId, payload }: Upload): number | undefined {
    return this.#book.waiting(deviceId, linkTo(payload));
  }

  /** A durable entry leads to these: those that wait come out. */
  prove(deviceId: string, links: readonly Uint8Array[], proof: Proof, ports: ReleasePorts): void {
    this.#release(this.#book.prove(deviceId, links, proof), ports);
  }

  /** What a crash has left between its proof and its release. */
  releaseOverdue(ports: ReleasePorts): void {
    this.#release(this.#book.overdue(), ports);
  }

  /** Release nothing more, and wait for what is being released; the next start does the rest. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#releases.values());
  }

  #release(ids: readonly number[], ports: ReleasePorts): void {
    if (this.#stopping) return;
    for (const id of ids) {
      if (this.#releases.has(id)) continue;
      const release = this.#releaseOne(id, ports)
        // Where the disk is full or has failed, it stays where it is, durable, and the next start tries again.
        .catch(() => undefined)
        .finally(() => this.#releases.delete(id));
      this.#releases.set(id, release);
    }
  }

  async #releaseOne(id: number, { quarantine, resubmit }: ReleasePorts): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      quarantine.whenDurable(id, (error) => (error ? reject(error) : resolve()));
    });
    const item = await quarantine.read(id);
    if (!item) return;
    const outcome = await resubmit(item.upload, item.receivedUs);
    if (outcome.kind !== "stored" && outcome.kind !== "duplicate") return;
    if (await quarantine.end(id, "released")) this.#released++;
  }
}

export interface ReleasePorts {
  readonly quarantine: Pick<QuarantineLog, "whenDurable" | "read" | "end">;
  /** Judge it again, with the receive time it had. */
  readonly resubmit: (upload: Upload, receivedUs: number) => Promise<Outcome>;
}

/** The message id of a chained message, and the link to it. */
export function linkTo(message: Uint8Array): Uint8Array {
  const hash = Buffer.alloc(32);
  sodium.crypto_generichash(hash, asBuffer(message));
  return chainedId(hash);
}
