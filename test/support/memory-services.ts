/** The gateway as the HTTP API sees it, in memory: small, but it keeps the promises of gateway/http/services.ts. */
import { createHash } from "node:crypto";
import type {
  EnrolRequest,
  EntryView,
  EventQuery,
  QuarantineItem,
  ReadingRow,
  ReadingsQuery,
  Services,
  Stats,
  TrackPoint,
  TrackQuery,
} from "../../gateway/http/services.ts";
import type { Command } from "../../src/commands/command.ts";
import { GatewayError } from "../../src/errors.ts";
import { transports } from "../../src/ingest/upload.ts";
import type { EventView } from "../../src/ledger/event-view.ts";
import type { ProofFile } from "../../src/ledger/proof-file.ts";
import type { ScrubFinding } from "../../src/ledger/scrub-events.ts";
import { formatTilePath } from "../../src/ledger/tiles.ts";
import type { Device } from "../../src/registry/device.ts";

export interface MemoryState {
  devices: Map<string, Device>;
  readings: ReadingRow[];
  points: TrackPoint[];
  trackQueries: TrackQuery[];
  entries: EntryView[];
  events: EventView[];
  eventQueries: EventQuery[];
  quarantine: Map<number, QuarantineItem & { readonly payload: Uint8Array }>;
  checkpoint: string | undefined;
  /** By path. */
  tiles: Map<string, Uint8Array>;
  proofs: Map<number, ProofFile>;
  signedSize: number;
  databaseIsUp: boolean;
  ready: boolean;
  commands: Map<string, Command>;
  queries: ReadingsQuery[];
  erased: Set<string>;
  /** Passes begun, and what the last has found. */
  scrubs: number;
  scrubFindings: readonly ScrubFinding[];
  stats: Partial<Stats>;
}

const scrubPass = {
  startedAt: "2026-06-01T12:00:00.000Z",
  endedAt: "2026-06-01T12:00:01.000Z",
  size: 9,
  position: 9,
  entries: 9,
  rows: 9,
  missedRows: 0,
  databaseTrouble: null,
  error: null,
};

export function memoryServices(): { services: Services; state: MemoryState } {
  const state: MemoryState = {
    devices: new Map(),
    readings: [],
    points: [],
    trackQueries: [],
    entries: [],
    events: [],
    eventQueries: [],
    quarantine: new Map(),
    checkpoint: undefined,
    tiles: new Map(),
    proofs: new Map(),
    signedSize: 0,
    databaseIsUp: true,
    ready: true,
    commands: new Map(),
    queries: [],
    erased: new Set(),
    scrubs: 0,
    scrubFindings: [],
    stats: {},
  };
  const nowUs = () => Date.now() * 1_000;
  const existing = (id: string): Device => {
    const device = state.devices.get(id);
    if (!device) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${id} is enrolled`);
    return device;
  };
  const keep = (device: Device): Device => {
    state.devices.set(device.id, device);
    return device;
  };

  const services: Services = {
    gatewayId: "gw-test",
    version: "0.0.0",
    registry: {
      list: () => [...state.devices.values()],
      find: (id) => state.devices.get(id),
      lastSeenUs: () => undefined,
      async enrol({ id, publicKey, name, role, transport, sparseSigning = false }: EnrolRequest) {
        if (state.devices.has(id)) throw new GatewayError("DEVICE_EXISTS", `device ${id} is enrolled`);
        const keys = publicKey ? [{ epoch: 1, publicKey, validFromUs: nowUs(), validUntilUs: undefined }] : [];
        const words = { name: name ?? id, role: role ?? "", transport: transport ?? "", firmware: "" };
        return keep({ id, ...words, enrolledUs: nowUs(), revokedUs: undefined, keys, sparseSigning });
      },
      async rotate(id, publicKey, overlapSeconds) {
        const device = existing(id);
        const validUntilUs = nowUs() + overlapSeconds * 1_000_000;
        const before = device.keys.map((key) => ({ ...key, validUntilUs: key.validUntilUs ?? validUntilUs }));
        const key = { epoch: before.length + 1, publicKey, validFromUs: nowUs(), validUntilUs: undefined };
        return keep({ ...device, keys: [...before, key] });
      },
      setSparseSigning: async (id, allowed) => keep({ ...existing(id), sparseSigning: allowed }),
      async revoke(id) {
        const device = existing(id);
        if (device.revokedUs !== undefined) throw new GatewayError("DEVICE_REVOKED", `device ${id} is revoked`);
        return keep({ ...device, revokedUs: nowUs() });
      },
    },
    readings: {
      async query(query) {
        if (!state.databaseIsUp) throw new GatewayError("DATABASE_UNAVAILABLE", "the database does not answer");
        state.queries.push(query);
        return { data: state.readings.slice(0, query.limit), next: null };
      },
    },
    tracks: {
      async track(query) {
        state.trackQueries.push(query);
        return { points: state.points.slice(0, query.limit), next: state.points.length > query.limit ? "more" : null };
      },
    },
    gaps: {
      async gaps({ device }) {
        if (!state.databaseIsUp) throw new GatewayError("DATABASE_UNAVAILABLE", "the database does not answer");
        const run = { first: 1, last: 9, messages: 7, firstLeaf: 3, lastLeaf: 30 };
        const span = { from: "2026-06-01T12:00:00.000Z", until: "2026-06-01T13:00:00.000Z" };
        const gaps = [
          { from: 4, to: 4 },
          { from: 7, to: 7 },
        ];
        const envelope = { name: "envelope", numbering: "every_message", why: "numbered", missing: 2 } as const;
        const mavlink = { name: "mavlink", numbering: "none", why: "thinned", missing: null } as const;
        const earlierRuns = { runs: 0, messages: 0, missing: 0 };
        return {
          ...{ deviceId: device, upToLeaf: 31, isComplete: true },
          counters: [
            { ...envelope, messages: 7, unnumbered: 0, runs: [{ ...run, ...span, missing: 2, gaps }], earlierRuns },
            { ...mavlink, messages: 2, unnumbered: 2, runs: [], earlierRuns: { ...earlierRuns, missing: null } },
          ],
        };
      },
    },
    log: {
      tile: async (path) => state.tiles.get(formatTilePath(path)),
      inclusion: async (leafIndex) => state.proofs.get(leafIndex),
      consistency: async (oldSize, newSize = state.signedSize) =>
        newSize > state.signedSize ? undefined : { oldSize, newSize, hashes: [new Uint8Array(32)] },
      blockProof: async (leafIndex) => {
        const leaf = state.proofs.get(leafIndex)?.leaf;
        return leaf && { leafIndex, leaf, hashes: [new Uint8Array(32)], seal: Buffer.from("seal") };
      },
    },
    coseReceipts: {
      inclusion: async (leafIndex, by) => (state.proofs.has(leafIndex) ? Buffer.from(`inclusion by ${by}`) : undefined),
      consistency: async (oldSize, by) =>
        oldSize < state.signedSize ? Buffer.from(`consistency by ${by}`) : undefined,
    },
    erasures: {
      async erase(id) {
        state.erased.add(id);
        return { order: 7, count: null };
      },
      of: (id) => (state.erased.has(id) ? { order: 7, count: 3 } : undefined),
    },
    scrub: {
      begin: () => ++state.scrubs,
      view: () => ({
        intervalMinutes: 60,
        loadPercent: 5,
        running: null,
        last: state.scrubs === 0 ? null : { ...scrubPass, number: state.scrubs, findings: state.scrubFindings },
        open: [],
      }),
    },
    events: {
      async list(query) {
        state.eventQueries.push(query);
        return { data: state.events.slice(0, query.limit), next: state.events.length > query.limit ? "7" : null };
      },
    },
    ledger: { entry: async (leafIndex) => state.entries[leafIndex], checkpoint: () => state.checkpoint },
    witness: {
      addCheckpoint: async () => ({ status: 404, type: "text/plain", body: "unknown\n" }),
      checkpoint: () => undefined,
    },
    quarantine: {
      list({ limit, cursor, reason, device }) {
        const after = cursor === undefined ? -1 : Number(cursor);
        const matching = [...state.quarantine.values()]
          .filter(
            (item) => item.id > after && (!reason || item.reason === reason) && (!device || item.deviceId === device),
          )
          .map(({ payload: _payload, ...item }) => item);
        const data = matching.slice(0, limit);
        return { data, next: matching.length > limit ? String(data.at(-1)!.id) : null };
      },
      find(id) {
        const found = state.quarantine.get(id);
        if (!found) return undefined;
        const { payload: _payload, ...item } = found;
        return item;
      },
      payload: async (id) => state.quarantine.get(id)?.payload,
      async release(id) {
        const item = state.quarantine.get(id);
        if (!item) throw new GatewayError("QUARANTINE_NOT_FOUND", `quarantine holds no message ${id}`);
        if (!state.devices.has(item.deviceId)) throw new GatewayError("RELEASE_REFUSED", "UNKNOWN_DEVICE still");
        state.quarantine.delete(id);
        return { leafIndex: state.entries.push(entryView(state.entries.length, item.payload, item.deviceId)) - 1 };
      },
      async remove(id) {
        if (!state.quarantine.delete(id))
          throw new GatewayError("QUARANTINE_NOT_FOUND", `quarantine holds no message ${id}`);
      },
    },
    health: {
      readiness: () => ({
        ready: state.ready,
        dependencies: { journal: { status: state.ready ? "ok" : "down", detail: "" } },
      }),
      stats: () => ({ ...noStats(), ...state.stats }),
    },
    commands: {
      async submit({ deviceId, id = `c-${state.commands.size + 1}`, cmd, params, by, via, timeoutMs, expiresInMs }) {
        existing(deviceId);
        const known = state.commands.get(id);
        if (known) return known;
        if (cmd === "fly") throw new GatewayError("COMMAND_UNKNOWN", `${deviceId} has no command fly`);
        const acceptedUs = 1_750_000_000_000_000;
        const isOpen = cmd === "sleep";
        const command: Command = {
          ...{ id, deviceId, cmd, params, by, via, timeoutMs, acceptedUs, code: undefined, link: "serial" },
          expiresUs: acceptedUs + expiresInMs * 1_000,
          sentUs: acceptedUs,
          ...(isOpen
            ? { state: "sent", message: "", finishedUs: undefined }
            : { state: "succeeded", message: "done", finishedUs: acceptedUs + 1_000 }),
        };
        state.commands.set(id, command);
        return command;
      },
      outcome: async (id) => state.commands.get(id)!,
      find: (id) => state.commands.get(id),
      list: (deviceId) =>
        [...state.commands.values()].reverse().filter((each) => deviceId === undefined || each.deviceId === deviceId),
    },
    airtime: () => ({
      windowSeconds: 3_600,
      budgetSeconds: 36,
      usedSeconds: 1.5,
      deviceBudgetSeconds: 18,
      devices: [{ deviceId: "lora-b1", upSeconds: 2.5, downSeconds: 1.5 }],
    }),
    listeners: () => [{ name: "tcp", url: "mqtt://127.0.0.1:1883" }],
    metrics: async () => "mycogate_up 1\n",
  };
  return { services, state };
}

export function entryView(leafIndex: number, payload: Uint8Array, deviceId: string): EntryView {
  return {
    leafIndex,
    kind: "reading",
    deviceId,
    receivedAt: "2024-05-01T12:00:00.000Z",
    verification: "verified",
    keyEpoch: 1,
    source: "mqtt",
    format: "envelope",
    firmware: "",
    payload,
    leafHash: createHash("sha256").update("\0").update(payload).digest(),
    block: null,
    state: "durable",
  };
}

function noStats(): Stats {
  const none = { received: 0, stored: 0, duplicate: 0, quarantined: 0, rejected: 0 };
  return {
    ...none,
    treeSize: 0,
    durableSize: 0,
    inFlight: 0,
    byTransport: Object.fromEntries(transports.map((transport) => [transport, none])) as Stats["byTransport"],
    quarantineReasons: {},
    rejectReasons: {},
    chained: { waiting: 0, released: 0 },
    devices: 0,
    databaseCursor: null,
    checkpointSize: 0,
    witnessedSize: 0,
    witnesses: [],
    alarms: [],
    uptimeSeconds: 1,
  };
}
