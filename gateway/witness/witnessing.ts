/** Everything between this gateway's log and its witnesses: never in the way of an acknowledgement. */
import type { CheckpointVerifier } from "../../src/ledger/checkpoint.ts";
import type { DependencyState } from "../http/services.ts";
import { diskFiles } from "../journal/disk-files.ts";
import { contradictionIn, type HistoryGuard, type OwnLog } from "../journal/history-guard.ts";
import type { Ledger } from "../journal/ledger.ts";
import type { JournalLogger } from "../journal/logger.ts";
import { PublishedLog } from "../journal/published-log.ts";
import { ClaimQuorum } from "./claim-quorum.ts";
import type { WitnessPlan } from "./config.ts";
import { Cosignatures } from "./cosignatures.ts";
import { Peer } from "./peer.ts";
import { PeerClient } from "./peer-client.ts";

export interface WitnessingOptions {
  readonly plan: WitnessPlan;
  readonly timeoutMs: number;
  readonly ledger: Ledger;
  /** `<data>/ledger` */
  readonly ledgerDir: string;
  readonly origin: string;
  /** The log's own keys. */
  readonly verifiers: readonly CheckpointVerifier[];
  readonly guard: HistoryGuard;
  readonly log: JournalLogger;
}

/** What the guard waits for, one a peer. */
export function peerMemories({ peers }: WitnessPlan): string[] {
  return peers.map(({ url }) => `witness ${url}`);
}

export class Witnessing {
  readonly #options: WitnessingOptions;
  readonly #cosignatures: Cosignatures;
  readonly #published: PublishedLog;
  readonly #peers: readonly Peer[];
  readonly #stopping = new AbortController();
  readonly own: OwnLog;

  private constructor(options: WitnessingOptions, cosignatures: Cosignatures) {
    const { plan, timeoutMs, ledger, ledgerDir, origin, verifiers, guard, log } = options;
    this.#options = options;
    this.#cosignatures = cosignatures;
    this.#published = new PublishedLog({
      dir: ledgerDir,
      newest: () => cosignatures.newest,
      witnessed: () => cosignatures.witnessed?.text,
    });
    this.own = { origin, verifiers, size: () => ledger.durableSize, rootAt: (size) => this.#published.rootAt(size) };
    const claims = new ClaimQuorum(plan);
    this.#peers = plan.peers.map(
      (peer) =>
        new Peer({
          peer,
          client: new PeerClient({ ...peer, timeoutMs, signal: this.#stopping.signal }),
          own: this.own,
          consistency: async (from, to) => (await this.#published.consistency(from, to))?.hashes ?? [],
          target: () => cosignatures.target,
          onCosigned: (size, signatures) => cosignatures.add(size, signatures),
          onAgreed: () => guard.heard(`witness ${peer.url}`),
          onAway: () => guard.missed(`witness ${peer.url}`),
          onContradiction: (found) =>
            guard.contradicted(
              found.kind === "claim" && found.note !== undefined ? { ...found, holds: claims.add(found.note) } : found,
            ),
          log,
        }),
    );
  }

  static async open(options: WitnessingOptions): Promise<Witnessing> {
    const { plan, ledger, ledgerDir, log } = options;
    let wake = () => undefined as unknown;
    const cosignatures = await Cosignatures.open({
      files: diskFiles,
      ledgerDir,
      witnesses: plan.witnesses,
      quorum: plan.quorum,
      onTarget: () => wake(),
      log,
    });
    const witnessing = new Witnessing(options, cosignatures);
    wake = () => {
      for (const peer of witnessing.#peers) peer.wake();
    };
    if (ledger.latest !== undefined) cosignatures.signed(ledger.latest);
    ledger.onCheckpoint((stored) => cosignatures.signed(stored));
    return witnessing;
  }

  /** Asks the witnesses, from now on. */
  start(): void {
    for (const peer of this.#peers) peer.start();
  }

  /** The log as everyone may read it. */
  get log(): PublishedLog {
    return this.#published;
  }

  /** For everyone: see Cosignatures.published. */
  get checkpoint(): string | undefined {
    return this.#cosignatures.published;
  }

  /** Entries that a quorum of witnesses has seen. */
  get witnessedSize(): number {
    return this.#cosignatures.witnessed?.checkpoint.size ?? 0;
  }

  /** A checkpoint with a quorum, kept beside the journal, is a memory too. @throws GatewayError through the guard */
  async checkWitnessed(): Promise<void> {
    const { guard } = this.#options;
    const text = this.#cosignatures.witnessed?.text;
    const contradiction = text === undefined ? undefined : await contradictionIn(text, this.own);
    if (contradiction !== undefined) guard.contradicted({ source: "checkpoint.witnessed", ...contradiction });
  }

  /** Per witness: whether it answers, and how far it is. */
  peers(): { readonly url: string; readonly cosignedSize: number; readonly up: boolean }[] {
    return this.#peers.map(({ state: { url, cosignedSize, trouble } }) => ({
      url,
      cosignedSize,
      up: trouble === undefined,
    }));
  }

  state(): DependencyState {
    if (this.#peers.length === 0) return { status: "off", detail: "no witness is configured" };
    const size = this.#options.ledger.latest?.checkpoint.size ?? 0;
    const troubles = this.#peers.flatMap(({ state: { url, trouble } }) =>
      trouble === undefined ? [] : [`${url}: ${trouble}`],
    );
    const progress = `${this.witnessedSize} of ${size} checkpointed entries witnessed`;
    if (troubles.length > 0) return { status: "degraded", detail: `${progress}; ${troubles.join("; ")}` };
    return { status: "ok", detail: progress };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#peers.map((peer) => peer.stop()));
    await this.#cosignatures.close();
    await this.#published.close();
  }
}
