/** Everything the HTTP API may ask of the running gateway. main.ts supplies it; tests supply an in-memory one. */
import type { Command, Instruction } from "../../src/commands/command.ts";
import type { Numbering } from "../../src/gaps/numbering.ts";
import type { Range } from "../../src/gaps/sequence-runs.ts";
import type { Transport } from "../../src/ingest/upload.ts";
import type { BlockProof } from "../../src/ledger/block-proof.ts";
import type { CoseSignature } from "../../src/ledger/cose-receipt.ts";
import type { EventView } from "../../src/ledger/event-view.ts";
import type { ProofFile } from "../../src/ledger/proof-file.ts";
import type { ConsistencyProof } from "../../src/ledger/prove.ts";
import type { ScrubFinding } from "../../src/ledger/scrub-events.ts";
import type { TilePath } from "../../src/ledger/tiles.ts";
import type { Device } from "../../src/registry/device.ts";
import type { QuarantineReason, RejectReason } from "../../src/rejects.ts";

/** Name of the operator who decides, which goes into the ledger for everyone to read; undefined: the gateway by itself. */
export type Decider = string | undefined;

export interface EnrolRequest {
  readonly id: string;
  /** 32 bytes, already decoded from hex or base64; absent for an unsigned board. */
  readonly publicKey: Uint8Array | undefined;
  readonly name?: string | undefined;
  readonly role?: string | undefined;
  readonly transport?: string | undefined;
  /** Off unless asked for. */
  readonly sparseSigning?: boolean | undefined;
}

export interface RegistryService {
  list(): readonly Device[];
  find(id: string): Device | undefined;
  /** Gateway clock of the last accepted message, microseconds, since this start. */
  lastSeenUs(id: string): number | undefined;
  /** Each decision resolves once it is durable in the ledger. @throws GatewayError DEVICE_*, PUBLIC_KEY_INVALID */
  enrol(request: EnrolRequest, by: Decider): Promise<Device>;
  /** Starts the next key epoch; the previous key stays valid for `overlapSeconds`. */
  rotate(id: string, publicKey: Uint8Array, overlapSeconds: number, by: Decider): Promise<Device>;
  revoke(id: string, reason: string, by: Decider): Promise<Device>;
  /** Whether its messages may be chained, a later signature proving them. */
  setSparseSigning(id: string, allowed: boolean, by: Decider): Promise<Device>;
}

export interface ReadingsQuery {
  readonly device?: string | undefined;
  /** Name from the code table, number, or text id. */
  readonly sensor?: string | undefined;
  /** Inclusive, exclusive; ISO 8601 or undefined. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly order: "asc" | "desc";
}

export interface ReadingRow {
  /** ISO 8601 with milliseconds. */
  readonly time: string;
  readonly deviceId: string;
  readonly sensor: string | number;
  /** Exact decimal text, valid as a JSON number; several of an array reading, which the API calls `values`. */
  readonly value: string | readonly string[];
  readonly unit: string | number;
  readonly quality: number;
  /** Decimal text (may exceed 2^53), or null. */
  readonly seq: string | null;
  readonly msgId: string | null;
  readonly leafIndex: number;
  readonly verification: "verified" | "attested";
  /** Whose clock `time` is: the gateway's when the device had none or an implausible one. */
  readonly timeSource: "device" | "gateway";
}

export interface ReadingsService {
  /** @throws GatewayError DATABASE_UNAVAILABLE, REQUEST_INVALID (a cursor that is not ours) */
  query(query: ReadingsQuery): Promise<{ readonly data: readonly ReadingRow[]; readonly next: string | null }>;
}

export interface TrackQuery {
  readonly device: string;
  /** Inclusive, exclusive. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface TrackPoint {
  /** ISO 8601 with milliseconds. */
  readonly time: string;
  readonly latE7: number;
  readonly lonE7: number;
  /** Above the sea, where the message said so. */
  readonly altitudeM: number | undefined;
  readonly accuracyM: number | undefined;
  readonly leafIndex: number;
  readonly verification: "verified" | "attested";
  readonly timeSource: "device" | "gateway";
}

export interface TrackService {
  /** Oldest first. @throws GatewayError DATABASE_UNAVAILABLE, REQUEST_INVALID (a cursor that is not ours) */
  track(query: TrackQuery): Promise<{ readonly points: readonly TrackPoint[]; readonly next: string | null }>;
}

export interface GapQuery {
  readonly device: string;
  /** Inclusive, exclusive. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

export interface GapReport {
  readonly deviceId: string;
  /** What the database had: leaves from there on are not in the report. */
  readonly upToLeaf: number;
  /** False: there was more than is read for one report, and the newest is not in it. */
  readonly isComplete: boolean;
  readonly counters: readonly {
    readonly name: string;
    readonly numbering: Numbering;
    readonly why: string;
    readonly messages: number;
    /** Of those, the ones without a number. */
    readonly unnumbered: number;
    /** Null where holes say nothing. */
    readonly missing: number | null;
    /** Oldest first; a run ends where the counter starts again. */
    readonly runs: readonly {
      readonly first: number;
      readonly last: number;
      readonly messages: number;
      readonly missing: number | null;
      readonly gaps: readonly Range[];
      readonly firstLeaf: number;
      readonly lastLeaf: number;
      readonly from: string;
      readonly until: string;
    }[];
    readonly earlierRuns: { readonly runs: number; readonly messages: number; readonly missing: number | null };
  }[];
}

export interface GapService {
  /** @throws GatewayError DATABASE_UNAVAILABLE */
  gaps(query: GapQuery): Promise<GapReport>;
}

export interface EntryView {
  readonly leafIndex: number;
  /** `removed`: a reading whose content was taken out; its leaf hash stays. */
  readonly kind: "reading" | "seal" | "event" | "removed";
  readonly deviceId: string | null;
  /** Null of a removed one. */
  readonly receivedAt: string | null;
  readonly verification: "verified" | "attested" | null;
  readonly keyEpoch: number | null;
  readonly source: string | null;
  readonly format: string | null;
  readonly firmware: string | null;
  readonly payload: Uint8Array;
  /** Of a removed one: leaf index of the order. */
  readonly removedBy?: number;
  readonly leafHash: Uint8Array;
  readonly block: number | null;
  readonly state: "durable" | "sealed" | "checkpointed" | "witnessed";
}

export interface LedgerService {
  entry(leafIndex: number): Promise<EntryView | undefined>;
  /** The latest signed checkpoint, C2SP note text, or undefined before the first. */
  checkpoint(): string | undefined;
}

export interface ErasureView {
  /** Leaf index of the order: readings before it go. */
  readonly order: number;
  /** Readings taken out of the ledger; null while that is under way. */
  readonly count: number | null;
}

/** Taking a device's readings out of the gateway for good. */
export interface ErasureService {
  /** Resolves once the order is durable; the rest happens in the background, and after a restart if need be. */
  erase(deviceId: string, by: Decider): Promise<ErasureView>;
  /** The newest order for the device. */
  of(deviceId: string): ErasureView | undefined;
}

export interface EventQuery {
  /** `device.revoked`, or `device` for all of that kind. */
  readonly type?: string | undefined;
  readonly device?: string | undefined;
  /** Inclusive, exclusive. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly order: "asc" | "desc";
}

/** What was decided, and what befell the gateway, as its ledger tells it. */
export interface EventService {
  /** @throws GatewayError REQUEST_INVALID (a cursor that is not ours) */
  list(query: EventQuery): Promise<{ readonly data: readonly EventView[]; readonly next: string | null }>;
}

/** The log as everyone may read it: nothing beyond the latest checkpoint. */
export interface LogService {
  /** Exact bytes of a tile or an entry bundle, or undefined where the checkpointed tree has none so wide. */
  tile(path: TilePath): Promise<Uint8Array | undefined>;
  /** A proof that holds, or undefined while the latest checkpoint does not cover the leaf. */
  inclusion(leafIndex: number): Promise<ProofFile | undefined>;
  /** Of 0 < oldSize ≤ newSize, the latest checkpoint's unless given; undefined where that does not cover them. */
  consistency(oldSize: number, newSize?: number): Promise<ConsistencyProof | undefined>;
  /** The gateway's own word for a leaf of a closed block; undefined while it is open, and for seals. */
  blockProof(leafIndex: number): Promise<BlockProof | undefined>;
}

/** COSE receipts (RFC 9942) of the latest checkpoint's tree. */
export interface CoseReceiptService {
  /** Undefined while no checkpoint covers the leaf, and in a log of one leaf. */
  inclusion(leafIndex: number, by: CoseSignature): Promise<Uint8Array | undefined>;
  /** From a size to that of the latest checkpoint; undefined unless that is larger. */
  consistency(oldSize: number, by: CoseSignature): Promise<Uint8Array | undefined>;
}

/** An answer of the C2SP tlog-witness API, as it goes out. */
export interface WitnessAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface WitnessService {
  /** Cosigns a checkpoint of a log that is witnessed here, or says why not. */
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>;
  /** The newest that was cosigned of a log, with its signatures and ours. @param originHash SHA-256 of its origin, lower-case hex */
  checkpoint(originHash: string): string | undefined;
}

export interface ScrubPassView {
  /** Counts from 1 since this start. */
  readonly number: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** Entries that were signed when it began: what it is about. */
  readonly size: number;
  /** The first of them not checked yet. */
  readonly position: number;
  /** Entries read and hashed. */
  readonly entries: number;
  /** Rows of the database compared with them. */
  readonly rows: number;
  /** Entries whose rows could not be compared, and why. */
  readonly missedRows: number;
  readonly databaseTrouble: string | null;
  /** The first thousand. */
  readonly findings: readonly ScrubFinding[];
  /** What ended it too early. */
  readonly error: string | null;
}

export interface ScrubView {
  readonly intervalMinutes: number;
  readonly loadPercent: number;
  readonly running: ScrubPassView | null;
  /** The newest that has ended. */
  readonly last: ScrubPassView | null;
  /** What was found and nothing has repaired, by the entry of the ledger that tells it. */
  readonly open: readonly (ScrubFinding & { readonly entry: number })[];
}

/** Holding the journal against everything derived from it. */
export interface ScrubService {
  /** Begins a pass at once. @returns its number */
  begin(): number;
  view(): ScrubView;
}

export interface QuarantineItem {
  readonly id: number;
  readonly reason: QuarantineReason;
  readonly detail: string;
  readonly deviceId: string;
  readonly receivedAt: string;
  readonly source: string;
  readonly format: string;
  readonly sizeBytes: number;
}

export interface QuarantineService {
  list(query: {
    limit: number;
    cursor?: string | undefined;
    reason?: string | undefined;
    device?: string | undefined;
  }): {
    data: readonly QuarantineItem[];
    next: string | null;
  };
  find(id: number): QuarantineItem | undefined;
  payload(id: number): Promise<Uint8Array | undefined>;
  /** Verify again under today's registry and move into the ledger with its original receive time. */
  release(id: number, by: Decider): Promise<{ leafIndex: number }>;
  /** Resolves once the ledger says that it is gone. */
  remove(id: number, by: Decider): Promise<void>;
}

export interface TransportCounts {
  readonly received: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly quarantined: number;
  readonly rejected: number;
}

export interface Stats extends TransportCounts {
  readonly treeSize: number;
  readonly durableSize: number;
  /** Taken in, outcome not yet on disk: received − this = stored + duplicate + quarantined + rejected. */
  readonly inFlight: number;
  readonly byTransport: Readonly<Record<Transport, TransportCounts>>;
  readonly quarantineReasons: Readonly<Partial<Record<QuarantineReason, number>>>;
  readonly rejectReasons: Readonly<Partial<Record<RejectReason, number>>>;
  /** Messages in quarantine that wait for the signature of a chain, and those that came out by one since this start. */
  readonly chained: { readonly waiting: number; readonly released: number };
  readonly devices: number;
  /** Entries the database has; treeSize − this is its lag. Null while it was never reached. */
  readonly databaseCursor: number | null;
  /** Entries that the newest checkpoint covers, and those that a quorum of witnesses has seen. */
  readonly checkpointSize: number;
  readonly witnessedSize: number;
  readonly witnesses: { readonly url: string; readonly cosignedSize: number; readonly up: boolean }[];
  /** What contradicts this log's history, in words: to be shown until somebody has acted. */
  readonly alarms: string[];
  readonly uptimeSeconds: number;
}

export interface DependencyState {
  readonly status: "ok" | "degraded" | "down" | "off";
  readonly detail: string;
}

export interface HealthService {
  /** `ready` means that uploads can be accepted and committed; the database is not needed for that. */
  readiness(): { ready: boolean; dependencies: Record<string, DependencyState> };
  stats(): Stats;
}

/** An address that the gateway listens on: `tcp`, `tls` and `ws` are MQTT, `udp` is MDP by datagram. */
export interface Listener {
  readonly name: string;
  readonly url: string;
}

/** Time on air by LoRa within the window that duty-cycle rules speak of. */
export interface AirtimeReport {
  readonly windowSeconds: number;
  readonly budgetSeconds: number;
  readonly usedSeconds: number;
  readonly deviceBudgetSeconds: number;
  readonly devices: readonly DeviceAirtime[];
}

export interface DeviceAirtime {
  readonly deviceId: string;
  /** Heard from it, and sent to it. */
  readonly upSeconds: number;
  readonly downSeconds: number;
}

export interface CommandRequest extends Instruction {
  readonly deviceId: string;
  /** The gateway makes one where it is absent. */
  readonly id?: string | undefined;
  /** The operator. */
  readonly by: string;
  /** By what way it comes: `http`, `mqtt`. */
  readonly via: string;
  readonly timeoutMs: number;
  readonly expiresInMs: number;
}

export interface CommandService {
  /**
   * Resolves once the command is in the ledger; the same id again gives the same command.
   * @throws GatewayError DEVICE_NOT_FOUND, DEVICE_REVOKED, REQUEST_INVALID, COMMAND_UNSUPPORTED, COMMAND_UNKNOWN,
   * COMMAND_CONFLICT, COMMAND_QUEUE_FULL
   */
  submit(request: CommandRequest): Promise<Command>;
  /** A command that `submit` gave, once it is finished, or as it is after so long. */
  outcome(id: string, withinMs: number): Promise<Command>;
  find(id: string): Command | undefined;
  /** Newest first. */
  list(deviceId?: string): readonly Command[];
}

export interface Services {
  readonly gatewayId: string;
  readonly version: string;
  readonly registry: RegistryService;
  readonly readings: ReadingsService;
  readonly tracks: TrackService;
  readonly gaps: GapService;
  readonly ledger: LedgerService;
  readonly events: EventService;
  readonly log: LogService;
  readonly coseReceipts: CoseReceiptService;
  readonly erasures: ErasureService;
  readonly witness: WitnessService;
  readonly scrub: ScrubService;
  readonly quarantine: QuarantineService;
  readonly health: HealthService;
  readonly commands: CommandService;
  airtime(): AirtimeReport;
  listeners(): readonly Listener[];
  /** Prometheus text. */
  metrics(): Promise<string>;
}
