/**
 * transport → batch → verify (workers) → dedupe → journal (durable) → outcome. The database and every upstream follow
 * the journal with their own cursor; nothing here waits for them.
 */
import { GatewayError } from "../../src/errors.ts";
import type { Proof } from "../../src/ingest/chain-book.ts";
import { type DedupeHit, type DedupeWindow, fingerprintWords } from "../../src/ingest/dedupe-window.ts";
import type { IngestPort, Outcome, Transport, Upload } from "../../src/ingest/upload.ts";
import type { LedgerPort } from "../../src/ledger/types.ts";
import type { Device } from "../../src/registry/device.ts";
import type { QuarantineReason, RejectReason } from "../../src/rejects.ts";
import type { Refusal } from "../../src/result.ts";
import { storedLeafHash } from "../journal/leaf-hashes.ts";
import type { ProvingMessage, VerifyResponse } from "./batch.ts";
import { Batcher } from "./batcher.ts";
import type { ChainDesk, ReleasePorts } from "./chain-desk.ts";
import type { Counters, Settled } from "./counters.ts";
import { LeafRun } from "./leaf-run.ts";
import { messageKeyOf } from "./message-key.ts";
import type { QuarantineLog } from "./quarantine-log.ts";

type Done = (error: Error | undefined, outcome?: Outcome) => void;

/** One upload between `submit` and its outcome. */
interface Pending {
  readonly upload: Upload;
  readonly receivedUs: number;
  /** Monotonic clock, ms. */
  readonly takenMs: number;
  /** A release from quarantine: not counted again, and not quarantined again. */
  readonly released: boolean;
  readonly done: Done;
  /** Of a chained message that is judged again, since another one's signature proves it. */
  readonly proof?: Proof;
}

/** A repeat of an entry that is not durable yet. */
interface WaitingRepeat {
  readonly leafIndex: number;
  readonly settle: (error?: Error) => void;
}

export interface IngestOptions {
  readonly ledger: LedgerPort;
  readonly quarantine: QuarantineLog;
  readonly chains: ChainDesk;
  readonly dedupe: DedupeWindow;
  readonly counters: Counters;
  readonly workers: number;
  /** Payload bytes without an outcome, beyond which there is no room for more. */
  readonly maxPendingBytes: number;
  readonly trustedTransports: ReadonlySet<Transport>;
  /** What only this process can check, such as a shared key: why an upload is refused, if it is. */
  readonly examine?: (upload: Upload) => Refusal<QuarantineReason> | undefined;
  readonly nowUs: () => number;
  readonly onAccepted: (deviceId: string, receivedUs: number) => void;
  readonly onFatal: (error: Error) => void;
}

export class Ingest implements IngestPort {
  readonly #options: IngestOptions;
  readonly #batcher: Batcher<Pending>;
  readonly #releasePorts: ReleasePorts;
  #repeats: WaitingRepeat[] = [];
  readonly #roomListeners: (() => void)[] = [];
  #inFlight = 0;
  #pendingBytes = 0;
  #hasRoom = true;
  #stopping = false;
  #onDrained: (() => void) | undefined;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#releasePorts = {
      quarantine: options.quarantine,
      resubmit: (upload, receivedUs) => this.resubmit(upload, receivedUs),
    };
    this.#batcher = new Batcher({
      workers: options.workers,
      onJudged: (response, pending) => this.#judged(response, pending),
      onFatal: options.onFatal,
    });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Payload bytes without an outcome. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  onRoom(listener: () => void): void {
    this.#roomListeners.push(listener);
  }

  /** Uploads submitted before are judged without the change, those after with it. */
  updateDevices(devices: readonly Device[]): void {
    this.#batcher.updateDevices(devices);
  }

  /** Finish what a crash has interrupted; the devices must be known. */
  start(): void {
    this.#options.chains.releaseOverdue(this.#releasePorts);
  }

  submit(upload: Upload, done: Done): void {
    if (this.#stopping) {
      done(new GatewayError("SHUTTING_DOWN", "the gateway is stopping"));
      return;
    }
    this.#options.counters.received(upload.transport);
    this.#take(upload, this.#options.nowUs(), false, done);
  }

  /** Judge a quarantined upload again; its outcome is `stored`, `duplicate`, or the reason it is refused for now. */
  resubmit(upload: Upload, receivedUs: number): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#take(upload, receivedUs, true, (error, outcome) => (error ? reject(error) : resolve(outcome!)));
    });
  }

  reject(transport: Transport, reason: RejectReason): void {
    const { counters } = this.#options;
    counters.received(transport);
    counters.settled(transport, "rejected");
    counters.rejected(reason);
  }

  /** Take nothing more, and finish what was taken. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#options.chains.stop();
    this.#batcher.flush();
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onDrained = resolve));
    await this.#batcher.close();
  }

  #take(upload: Upload, receivedUs: number, released: boolean, done: Done): void {
    this.#inFlight++;
    this.#pendingBytes += upload.payload.length;
    if (this.#pendingBytes >= this.#options.maxPendingBytes) this.#hasRoom = false;
    const pending = { upload, receivedUs, takenMs: performance.now(), released, done };
    const refusal = this.#options.examine?.(upload);
    if (refusal) {
      this.#quarantine(pending, refusal.reject, refusal.detail);
      return;
    }
    this.#batcher.add(upload, receivedUs, this.#options.trustedTransports.has(upload.transport), pending);
  }

  #judged(response: VerifyResponse, pending: readonly Pending[]): void {
    for (const { index, reason, detail } of response.refusals) {
      if (reason === "SIGNATURE_PENDING") this.#chained(pending[index]!, detail);
      else this.#quarantine(pending[index]!, reason, detail);
    }
    this.#append(response, pending);
  }

  /** Sound, and not proven when it was judged: meanwhile it may be, or it has come before and waits already. */
  #chained(pending: Pending, detail: string): void {
    const { chains, quarantine, trustedTransports } = this.#options;
    const { upload, receivedUs, released } = pending;
    const proof = chains.proof(upload);
    if (proof) {
      const trusted = trustedTransports.has(upload.transport);
      this.#batcher.add(upload, receivedUs, trusted, { ...pending, proof }, proof.keyEpoch);
      return;
    }
    const heldAs = released ? undefined : chains.heldAs(upload);
    if (heldAs === undefined) {
      this.#quarantine(pending, "SIGNATURE_PENDING", detail);
      return;
    }
    quarantine.whenDurable(heldAs, (error) => {
      if (error) this.#giveBack(pending, error);
      else this.#quarantined(pending, "SIGNATURE_PENDING", heldAs);
    });
  }

  #append(response: VerifyResponse, pending: readonly Pending[]): void {
    const { ledger, dedupe } = this.#options;
    const { fingerprints } = response;
    const run = new LeafRun(response);
    const accepted: Pending[] = [];
    const first = ledger.size;
    for (let index = 0; index < pending.length; index++) {
      if (run.isRefused(index)) continue;
      const words = index * fingerprintWords;
      const repeatable = fingerprints[words] !== 0 || fingerprints[words + 1] !== 0;
      const hit = repeatable ? dedupe.find(fingerprints, words) : undefined;
      if (hit) {
        this.#repeat(pending[index]!, hit);
        run.skip(index);
      } else {
        if (repeatable) dedupe.add(fingerprints, words, first + accepted.length);
        accepted.push(pending[index]!);
        run.take(index);
      }
    }
    const batch = run.finish();
    // What is in quarantine as a conflict proves nothing: a chain's proof has to be in the ledger.
    const proving = response.proving.filter(({ index }) => accepted.includes(pending[index]!));
    const settle = (error?: Error): void => {
      if (error) dedupe.truncate(first);
      for (let at = 0; at < accepted.length; at++) {
        if (error) this.#giveBack(accepted[at]!, error);
        else this.#stored(accepted[at]!, "stored", first + at, batch.leafHashes.subarray(at * 32, at * 32 + 32));
      }
      for (const message of error ? [] : proving) this.#prove(pending[message.index]!, message);
      this.#settleRepeats(error);
      this.#batcher.recycle(response.leaves);
    };
    if (accepted.length === 0) {
      this.#batcher.recycle(response.leaves);
      return;
    }
    try {
      ledger.append(batch, settle);
    } catch (error) {
      settle(error as Error);
    }
  }

  #prove({ upload, receivedUs, proof }: Pending, { keyEpoch, links }: ProvingMessage): void {
    const atUs = Math.max(receivedUs, proof?.atUs ?? 0);
    this.#options.chains.prove(upload.deviceId, links, { keyEpoch, atUs }, this.#releasePorts);
  }

  /** The same bytes are acknowledged with the leaf index they have, once that is durable; other bytes are a conflict. */
  #repeat(pending: Pending, hit: DedupeHit): void {
    if (!hit.sameContent) {
      this.#quarantine(pending, "REPLAY_CONFLICT", `entry ${hit.leafIndex} has the same device, seq and msgId`);
      return;
    }
    const { ledger } = this.#options;
    const settle = (error?: Error): void => {
      if (error) {
        this.#giveBack(pending, error);
        return;
      }
      // The hash of the entry it repeats; its own would differ, because the receive time is in the leaf.
      ledger.readEntry(hit.leafIndex).then(
        (entry) => this.#stored(pending, "duplicate", hit.leafIndex, storedLeafHash(entry!)),
        (cause) => this.#giveBack(pending, cause),
      );
    };
    if (hit.leafIndex < ledger.durableSize) settle();
    else this.#repeats.push({ leafIndex: hit.leafIndex, settle });
  }

  #stored(pending: Pending, kind: "stored" | "duplicate", leafIndex: number, hash: Uint8Array): void {
    const { upload, receivedUs } = pending;
    this.#options.onAccepted(upload.deviceId, receivedUs);
    this.#settle(pending, kind, {
      kind,
      leafIndex,
      leafHash: hash,
      get message() {
        return messageKeyOf(upload);
      },
    });
  }

  #quarantine(pending: Pending, reason: QuarantineReason, detail: string): void {
    const { upload, receivedUs, released } = pending;
    if (released) {
      this.#settle(pending, "quarantined", { kind: "quarantined", reason, id: -1, message: messageKeyOf(upload) });
      return;
    }
    this.#options.quarantine.add({ upload, receivedUs, reason, detail }, (error, id) => {
      if (error) this.#giveBack(pending, error);
      else if (id === undefined) {
        this.#options.counters.rejected("QUARANTINE_FULL");
        this.#settle(pending, "rejected", { kind: "rejected", reason: "QUARANTINE_FULL" });
      } else this.#quarantined(pending, reason, id);
    });
  }

  #quarantined(pending: Pending, reason: QuarantineReason, id: number): void {
    this.#options.counters.quarantined(reason);
    this.#settle(pending, "quarantined", { kind: "quarantined", reason, id, message: messageKeyOf(pending.upload) });
  }

  #settleRepeats(error?: Error): void {
    if (this.#repeats.length === 0) return;
    const { durableSize } = this.#options.ledger;
    const due = this.#repeats.filter(({ leafIndex }) => error || leafIndex < durableSize);
    this.#repeats = this.#repeats.filter((repeat) => !due.includes(repeat));
    for (const { leafIndex, settle } of due) settle(leafIndex < durableSize ? undefined : error);
  }

  #settle({ upload, takenMs, released, done }: Pending, how: Settled, outcome: Outcome): void {
    if (!released) {
      this.#options.counters.settled(upload.transport, how);
      this.#options.counters.latency.observe((performance.now() - takenMs) / 1000);
    }
    this.#leave(upload);
    done(undefined, outcome);
  }

  #giveBack({ upload, released, done }: Pending, error: Error): void {
    if (!released) this.#options.counters.returned(upload.transport);
    this.#leave(upload);
    done(error);
  }

  #leave({ payload }: Upload): void {
    this.#inFlight--;
    this.#pendingBytes -= payload.length;
    if (!this.#hasRoom && this.#pendingBytes < this.#options.maxPendingBytes / 2) {
      this.#hasRoom = true;
      for (const listener of this.#roomListeners) listener();
    }
    if (this.#inFlight === 0) this.#onDrained?.();
  }
}
