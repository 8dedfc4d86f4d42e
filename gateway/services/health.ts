import { transports } from "../../src/ingest/upload.ts";
import type { DependencyState, HealthService, Stats } from "../http/services.ts";
import type { ChainDesk } from "../ingest/chain-desk.ts";
import type { Counters } from "../ingest/counters.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { QuarantineLog } from "../ingest/quarantine-log.ts";
import { type HistoryGuard, sentenceOf } from "../journal/history-guard.ts";
import type { Ledger } from "../journal/ledger.ts";
import type { Registry } from "../registry/registry.ts";
import type { Scrub } from "../scrub/scrub.ts";
import type { Database } from "../store/database.ts";
import type { Tailer } from "../store/tailer.ts";
import type { Link } from "../transports/link.ts";
import type { Witness } from "../witness/witness.ts";
import type { Witnessing } from "../witness/witnessing.ts";
import type { LedgerMemories } from "./ledger-memories.ts";

export interface HealthOptions {
  readonly ledger: Ledger;
  readonly ingest: Ingest;
  readonly chains: ChainDesk;
  readonly counters: Counters;
  readonly quarantine: QuarantineLog;
  readonly registry: Registry;
  readonly database: Database;
  readonly tailer: Tailer;
  readonly scrub: Pick<Scrub, "state">;
  readonly serial: () => DependencyState;
  readonly links: readonly Link[];
  readonly witnessing: Witnessing;
  readonly memories: LedgerMemories;
  readonly witness: Witness;
  readonly guard: HistoryGuard;
}

/** What /readyz and /api/v1/stats say. */
export class Health implements HealthService {
  readonly #options: HealthOptions;
  readonly #started = performance.now();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  readiness(): { ready: boolean; dependencies: Record<string, DependencyState> } {
    const { ledger, database, tailer, quarantine, scrub, serial, links, witnessing, memories, guard } = this.#options;
    const journal = journalState(ledger);
    const held = `${quarantine.count} messages, ${quarantine.sizeBytes} bytes`;
    const dependencies: Record<string, DependencyState> = {
      journal,
      database: database.state(),
      tailer: tailer.state(),
      quarantine: quarantine.isFull ? { status: "degraded", detail: `full: ${held}` } : { status: "ok", detail: held },
      scrub: scrub.state(),
      serial: serial(),
      ...Object.fromEntries(links.map((link) => [link.name, link.state()])),
      witnesses: witnessing.state(),
      anchor: memories.anchorState(),
      history: historyState(guard),
    };
    return { ready: journal.status === "ok", dependencies };
  }

  stats(): Stats {
    const { counters, ledger, ingest, chains, registry, tailer, witnessing, witness, guard } = this.#options;
    return {
      ...counters.total,
      inFlight: ingest.inFlight,
      byTransport: Object.fromEntries(
        transports.map((name) => [name, { ...counters.byTransport[name] }]),
      ) as Stats["byTransport"],
      quarantineReasons: { ...counters.quarantineReasons },
      rejectReasons: { ...counters.rejectReasons },
      treeSize: ledger.size,
      durableSize: ledger.durableSize,
      chained: { waiting: chains.waiting, released: chains.released },
      devices: registry.size,
      databaseCursor: tailer.cursor,
      checkpointSize: ledger.checkpointSize,
      witnessedSize: witnessing.witnessedSize,
      witnesses: witnessing.peers(),
      alarms: [...guard.contradictions.map(sentenceOf), ...witness.alarms],
      uptimeSeconds: (performance.now() - this.#started) / 1000,
    };
  }
}

function historyState({ contradictions, waitingFor, isHeld }: HistoryGuard): DependencyState {
  const sentences = contradictions.map(sentenceOf);
  if (isHeld) sentences.push("no checkpoint is signed before that is resolved: see docs/guides/recovery.md");
  if (sentences.length > 0) return { status: "down", detail: sentences.join("; ") };
  if (waitingFor.length > 0)
    return { status: "degraded", detail: `no checkpoint is signed before ${waitingFor.join(" and ")} has answered` };
  return { status: "ok", detail: "nobody contradicts this ledger" };
}

function journalState(ledger: Ledger): DependencyState {
  switch (ledger.state) {
    case "open":
      return { status: "ok", detail: `${ledger.durableSize} entries` };
    case "full":
      return { status: "down", detail: "the disk is full; nothing is acknowledged until it has space" };
    case "failed":
      return { status: "down", detail: "the disk failed; restart the gateway after checking it" };
    case "closed":
      return { status: "down", detail: "closed" };
  }
}
