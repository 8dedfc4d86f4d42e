/**
 * What could not be verified, kept with its raw bytes in a log of its own, durable before it is acknowledged.
 * docs/adr/0003 says what happens when it is full.
 */

import {
  decodeQuarantineRecord,
  endRecord,
  itemRecords,
  type QuarantineItemRecord,
} from "../../src/ingest/quarantine-record.ts";
import type { Upload } from "../../src/ingest/upload.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import type { QuarantineItem } from "../http/services.ts";
import { forEachEntry } from "../journal/frame.ts";
import type { SegmentedLog } from "../journal/segmented-log.ts";

export interface QuarantineLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly maxAgeDays: number;
}

/** Told of every item that comes and goes, those found on the disk included. */
export interface QuarantineObserver {
  held(id: number, item: QuarantineItemRecord): void;
  gone(id: number): void;
}

type OnDurable = (error: Error | undefined) => void;

interface Held {
  readonly item: QuarantineItem;
  readonly receivedUs: number;
}

export class QuarantineLog {
  readonly #log: SegmentedLog;
  readonly #limits: QuarantineLimits;
  /** By id, which is the log index of the item's first record; so in order of arrival. */
  readonly #held = new Map<number, Held>();
  readonly #observer: QuarantineObserver | undefined;
  readonly #waiting = new Map<number, OnDurable[]>();
  #bytes = 0;

  private constructor(log: SegmentedLog, limits: QuarantineLimits, observer: QuarantineObserver | undefined) {
    this.#log = log;
    this.#limits = limits;
    this.#observer = observer;
  }

  static async open(
    log: SegmentedLog,
    limits: QuarantineLimits,
    observer?: QuarantineObserver,
  ): Promise<QuarantineLog> {
    const quarantine = new QuarantineLog(log, limits, observer);
    for await (const { firstLeaf, bundle } of log.frames(log.firstIndex, log.durableSize)) {
      forEachEntry(bundle, (entry, index) => {
        const record = decodeQuarantineRecord(entry);
        if (record?.kind === "item") quarantine.#hold(firstLeaf + index, record);
        else if (record?.kind === "end") quarantine.#forget(record.id);
      });
    }
    return quarantine;
  }

  get count(): number {
    return this.#held.size;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#held.size >= this.#limits.maxItems || this.#bytes >= this.#limits.maxBytes;
  }

  /** `durable` gets the item's id, or no id where quarantine is full and nothing was kept. */
  add(item: Omit<QuarantineItemRecord, "sizeBytes">, durable: (error: Error | undefined, id?: number) => void): void {
    if (this.isFull) {
      durable(undefined);
      return;
    }
    try {
      const id = this.#log.append(entryBatch(itemRecords(item), false), (error) => {
        if (error) this.#forget(id);
        durable(error, id);
        const waiting = this.#waiting.get(id) ?? [];
        this.#waiting.delete(id);
        for (const listener of waiting) listener(error);
      });
      // Held from now on, so that a flood within one commit meets the limit too.
      this.#hold(id, { ...item, sizeBytes: item.upload.payload.length });
    } catch (error) {
      durable(error as Error);
    }
  }

  /** `listener` is called as soon as an item that is held is on disk, or has failed to get there. */
  whenDurable(id: number, listener: OnDurable): void {
    if (id < this.#log.durableSize) listener(undefined);
    else this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), listener]);
  }

  /** Oldest first. @param after id of the last item the caller has */
  list(limit: number, after: number, matches: (item: QuarantineItem) => boolean): QuarantineItem[] {
    const items: QuarantineItem[] = [];
    for (const [id, { item }] of this.#held) {
      if (items.length === limit) break;
      if (id > after && matches(item)) items.push(item);
    }
    return items;
  }

  find(id: number): QuarantineItem | undefined {
    return this.#held.get(id)?.item;
  }

  /** The item with its whole payload, or undefined when it is not (or no longer) there. */
  async read(id: number): Promise<{ upload: Upload; receivedUs: number } | undefined> {
    const held = this.#held.get(id);
    const first = held && (await this.#log.read(id));
    const record = first && decodeQuarantineRecord(first);
    if (record?.kind !== "item") return undefined;
    const payload = new Uint8Array(record.sizeBytes);
    payload.set(record.upload.payload);
    for (let used = record.upload.payload.length, index = id + 1; used < payload.length; index++) {
      const next = await this.#log.read(index);
      const more = next && decodeQuarantineRecord(next);
      if (more?.kind !== "more") return undefined;
      payload.set(more.bytes, used);
      used += more.bytes.length;
    }
    return { upload: { ...record.upload, payload }, receivedUs: record.receivedUs };
  }

  /** Take an item out. @returns false when it is not there */
  async end(id: number, what: "removed" | "released"): Promise<boolean> {
    if (!this.#held.has(id)) return false;
    await new Promise<void>((resolve, reject) => {
      this.#log.append(entryBatch([endRecord(id, what)], false), (error) => (error ? reject(error) : resolve()));
    });
    this.#forget(id);
    await this.#dropEmptySegments();
    return true;
  }

  /** Let go of what is older than the limit. @returns how many items went */
  async expire(nowUs: number): Promise<number> {
    const before = nowUs - this.#limits.maxAgeDays * 86_400_000_000;
    const old = [...this.#held].filter(([, { receivedUs }]) => receivedUs < before);
    for (const [id] of old) this.#forget(id);
    if (old.length > 0) await this.#dropEmptySegments();
    return old.length;
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  async #dropEmptySegments(): Promise<void> {
    const [oldest = this.#log.durableSize] = this.#held.keys();
    await this.#log.dropSegmentsBefore(oldest);
  }

  #hold(id: number, record: QuarantineItemRecord): void {
    const { upload, receivedUs, reason, detail, sizeBytes } = record;
    const { deviceId, source, format } = upload;
    const receivedAt = new Date(receivedUs / 1000).toISOString();
    this.#held.set(id, { item: { id, reason, detail, deviceId, receivedAt, source, format, sizeBytes }, receivedUs });
    this.#bytes += sizeBytes;
    this.#observer?.held(id, record);
  }

  #forget(id: number): void {
    const held = this.#held.get(id);
    if (!held) return;
    this.#held.delete(id);
    this.#bytes -= held.item.sizeBytes;
    this.#observer?.gone(id);
  }
}
