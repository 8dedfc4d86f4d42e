/** The ledger, read back over the API entry by entry, against what the books say must be in it. */
import { decodePayload, isPayloadFormat } from "../../src/dialects/index.ts";
import type { Transport } from "../../src/ingest/upload.ts";
import { transports } from "../../src/ingest/upload.ts";
import type { Books, Entry } from "./books.ts";
import { type GatewayApi, inParallel, type LedgerEntry } from "./gateway-api.ts";

export interface Evidence {
  /** Messages found, each once. */
  readonly found: number;
  /** Messages that must be there and are not. */
  readonly missing: readonly string[];
  /** There twice, or as what they are not. */
  readonly misfiled: readonly string[];
  /** Entries that an acknowledgement named and that are not what it acknowledged. */
  readonly unnamed: readonly string[];
  /** Entries of other devices, by the transport they came over. */
  readonly foreign: ReadonlyMap<Transport, number>;
  /** Entries that acknowledgements named. */
  readonly named: number;
  readonly databaseLag: number;
  readonly withoutReadings: readonly string[];
}

/** How often one payload may and must be in the ledger. */
interface Claim {
  min: number;
  max: number;
  seen: number;
  readonly entry: Entry;
}

/** @param from size of the tree before the run @param to its size after it */
export async function collectEvidence(
  api: GatewayApi,
  books: Books,
  { from, to, databaseLag, isPrivate }: { from: number; to: number; databaseLag: number; isPrivate: boolean },
): Promise<Evidence> {
  const claims = claimsOf(books);
  const foreign = new Map<Transport, number>();
  const misfiled: string[] = [];
  const devices = new Set<string>();
  const own = new Set([...books.entries()].map(({ deviceId }) => deviceId));
  const payloads = new Map<number, LedgerEntry>();
  /** Leaf index of the message, by that of the entry that says how it was received. */
  const receptions = new Map<number, number>();
  const claimed = new Set<number>();
  await inParallel(range(from, to), async (leafIndex) => {
    const entry = await api.entry(leafIndex);
    if (!entry) {
      misfiled.push(`entry ${leafIndex} is not there`);
      return;
    }
    if (entry.kind !== "reading") return;
    if (books.namedLeaves.has(leafIndex)) payloads.set(leafIndex, entry);
    const leaf = receivedLeaf(entry);
    if (leaf !== undefined) {
      receptions.set(leafIndex, leaf);
      return;
    }
    const claim = claims.get(entry.payload);
    if (!claim && (isPrivate || own.has(entry.deviceId!))) {
      misfiled.push(`entry ${leafIndex} of ${entry.deviceId} is nothing that was sent`);
      return;
    }
    if (!claim) {
      const transport = transports.find((name) => entry.source === name || entry.source?.startsWith(`${name}:`));
      if (transport) foreign.set(transport, (foreign.get(transport) ?? 0) + 1);
      return;
    }
    claim.seen++;
    claimed.add(leafIndex);
    if (measures(entry)) devices.add(entry.deviceId!);
    const verification = claim.entry.message.signed ? "verified" : "attested";
    if (entry.verification !== verification) misfiled.push(`entry ${leafIndex} is ${entry.verification}`);
    if (claim.entry.message.signed && entry.deviceId !== claim.entry.deviceId)
      misfiled.push(`entry ${leafIndex} is filed under ${entry.deviceId}, not ${claim.entry.deviceId}`);
  });

  for (const [leafIndex, leaf] of receptions) {
    if (claimed.has(leaf)) continue;
    if (isPrivate)
      misfiled.push(`entry ${leafIndex} says how entry ${leaf} was received, which is nothing that was sent`);
    else foreign.set("lorawan", (foreign.get("lorawan") ?? 0) + 1);
  }
  const all = [...claims.values()];
  const missing = all.filter(({ seen, min }) => seen < min).map(({ entry }) => `a message of ${entry.deviceId}`);
  for (const { seen, max, entry } of all)
    if (seen > max) misfiled.push(`a message of ${entry.deviceId} is there ${seen} times`);
  const unnamed = [...books.namedLeaves].flatMap(([leafIndex, { deviceId, leafHash }]) => {
    const entry = payloads.get(leafIndex);
    const isRight = entry?.deviceId === deviceId && entry.leafHash === leafHash && claims.has(entry.payload);
    // One of an earlier run is acknowledged again, and not read back.
    if (leafIndex < from || isRight) return [];
    return [`entry ${leafIndex}, acknowledged to ${deviceId}`];
  });
  const withoutReadings: string[] = [];
  if (databaseLag === 0) {
    await inParallel(devices, async (device) => {
      if (!(await api.hasReadings(device))) withoutReadings.push(device);
    });
  }
  const found = all.reduce((sum, { seen }) => sum + seen, 0);
  return { found, named: books.namedLeaves.size, missing, misfiled, unnamed, foreign, databaseLag, withoutReadings };
}

/** A stock LoRa gateway, for one, prints headers and measures nothing. */
function measures({ format, payload }: LedgerEntry): boolean {
  if (format === null || !isPayloadFormat(format)) return false;
  const sample = decodePayload(format, Buffer.from(payload, "base64"));
  return sample.ok && (sample.value.readings.length > 0 || (sample.value.arrays ?? []).length > 0);
}

function claimsOf(books: Books): Map<string, Claim> {
  const claims = new Map<string, Claim>();
  for (const entry of books.entries()) {
    const { again } = entry.message;
    const perCopy = again.includes("stored") ? 1 : 0;
    const times = (copies: number): number => Math.min(1, copies) + perCopy * Math.max(0, copies - 1);
    const [min, max] = [times(entry.delivered), times(entry.sent)];
    for (const payload of entry.message.evidence) {
      const key = Buffer.from(payload).toString("base64");
      const known = claims.get(key);
      // Unsigned boards may honestly say the same twice.
      if (known) {
        known.min += min;
        known.max += max;
      } else claims.set(key, { min, max, seen: 0, entry });
    }
  }
  return claims;
}

/** The entry that an entry of the gateway's own speaks of. docs/adr/0087 */
function receivedLeaf({ source, payload }: LedgerEntry): number | undefined {
  if (!source?.startsWith("lorawan:")) return undefined;
  try {
    const { leaf } = JSON.parse(Buffer.from(payload, "base64").toString()) as { leaf?: unknown };
    return typeof leaf === "number" ? leaf : undefined;
  } catch {
    return undefined;
  }
}

function* range(from: number, to: number): Generator<number> {
  for (let at = from; at < to; at++) yield at;
}
