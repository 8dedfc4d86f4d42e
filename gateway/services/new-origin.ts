/**
 * Begins a ledger of the next number in the place of one that must not go on: an older copy, another history, a damaged
 * file. The old one is not touched: it keeps its folder and its name, and whoever has proofs of it can check them for ever.
 * docs/adr/0068
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { originBegun } from "../../src/ledger/origin-event.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { registryEvent } from "../../src/registry/events.ts";
import { type Identity, keepIdentity, type NamedLedger } from "../config/identity.ts";
import { keyPlace } from "../config/key-place.ts";
import type { Config } from "../config/schema.ts";
import { checkpointPath, loadCheckpoint, type StoredCheckpoint } from "../journal/checkpoint-file.ts";
import { DataDirLock } from "../journal/data-dir-lock.ts";
import { diskFiles } from "../journal/disk-files.ts";
import { forEachEntry } from "../journal/frame.ts";
import { journalDir, Ledger } from "../journal/ledger.ts";
import type { JournalLogger } from "../journal/logger.ts";
import { listSegments } from "../journal/segment.ts";
import { SegmentCursor } from "../journal/segment-cursor.ts";
import { openSigningKeys } from "../journal/signing-keys.ts";
import { EventLog } from "../registry/event-log.ts";

export interface NewOriginOptions {
  readonly config: Config;
  readonly identity: Identity;
  readonly reason: string;
  readonly nowUs: () => number;
  readonly log: JournalLogger;
}

export interface NewOrigin {
  readonly ended: NamedLedger;
  readonly begun: NamedLedger;
  /** Decisions about devices that were carried over, so that these stay enrolled. */
  readonly events: number;
  /** Leaves from which on decisions could not be read, one for every damaged file. */
  readonly unreadable: readonly number[];
}

/** Of a stopped gateway. @throws GatewayError DATA_DIR_LOCKED while one runs; whatever is thrown, the old ledger stays the one in use */
export async function beginNewOrigin(options: NewOriginOptions): Promise<NewOrigin> {
  const lock = await DataDirLock.acquire(options.config.data);
  try {
    return await begin(options);
  } finally {
    await lock.release();
  }
}

async function begin({ config, identity, reason, nowUs, log }: NewOriginOptions): Promise<NewOrigin> {
  const ended = { origin: identity.ledgerOrigin, dir: identity.ledgerDir };
  const begun = nextLedger(config.data, ended.origin);
  const dir = join(config.data, begun.dir);
  const oldDir = join(config.data, ended.dir);
  const keysOf = (origin: string, ledgerDir: string) =>
    openSigningKeys({ ...keyPlace(config, origin), ledgerDir, nowUs });
  const oldKeys = await keysOf(ended.origin, oldDir);
  const signed = await checkpointOf(oldDir, ended.origin, oldKeys.checkpointVerifiers).finally(() => oldKeys.close());
  const { events, unreadable } = await deviceEvents(oldDir);

  const keys = await keysOf(begun.origin, dir);
  try {
    const ledger = await Ledger.open({
      dir,
      origin: begun.origin,
      signers: keys.checkpointSigners,
      seals: keys.seals,
      nowUs,
      // Should there have been a ledger of this name that this disk has forgotten, the start finds out before it signs.
      cleared: new Promise<void>(() => undefined),
      log,
      onFatal: () => undefined,
    });
    try {
      const journal = new EventLog(ledger);
      const first = { origin: begun.origin, previousOrigin: ended.origin, previous: signed?.checkpoint, reason };
      for (const event of [originBegun(first, nowUs()), ...events]) await journal.append(event);
    } finally {
      await ledger.close();
    }
  } finally {
    await keys.close();
  }
  // Only now is the old one no longer the gateway's: a crash before this leaves a folder that nobody uses.
  const endedLedgers = [...identity.endedLedgers, ended];
  keepIdentity(config, { ...identity, ledgerOrigin: begun.origin, ledgerDir: begun.dir, endedLedgers });
  return { ended, begun, events: events.length, unreadable };
}

/** `gw.example/ledger/2` in the folder `ledger-2`, or the next number whose folder is free. */
function nextLedger(data: string, origin: string): NamedLedger {
  const [, base = origin, digits = "1"] = /^(.*)\/([1-9][0-9]{0,8})$/.exec(origin) ?? [];
  for (let number = Number(digits) + 1; ; number++) {
    const dir = `ledger-${number}`;
    if (!existsSync(join(data, dir))) return { origin: `${base}/${number}`, dir };
  }
}

async function checkpointOf(
  dir: string,
  origin: string,
  verifiers: Parameters<typeof loadCheckpoint>[3],
): Promise<StoredCheckpoint | undefined> {
  try {
    return await loadCheckpoint(diskFiles, checkpointPath(dir), origin, verifiers);
  } catch (error) {
    // It may be what is wrong with this ledger.
    if (error instanceof GatewayError && error.code === "CHECKPOINT_INVALID") return undefined;
    throw error;
  }
}

/** What the old journal says about devices, as far as it can be read: a damaged file costs what is in it, not what follows. */
async function deviceEvents(ledgerDir: string): Promise<{ events: EventEntry[]; unreadable: number[] }> {
  const events: EventEntry[] = [];
  const unreadable: number[] = [];
  const dir = journalDir(ledgerDir);
  for (const segment of existsSync(dir) ? await listSegments(diskFiles, dir) : []) {
    let cursor: SegmentCursor;
    try {
      cursor = await SegmentCursor.open(diskFiles, dir, segment);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      unreadable.push(segment);
      continue;
    }
    try {
      for (let frame = await cursor.take(); frame !== undefined; frame = await cursor.take()) {
        if (frame.control) forEachEntry(frame.bundle, (bytes) => events.push(...deviceEventIn(bytes)));
      }
      if (cursor.offset !== (await cursor.fileSize())) unreadable.push(cursor.leaf);
    } finally {
      await cursor.close();
    }
  }
  return { events, unreadable };
}

/** Only what makes the registry: what else happened stays where it happened. */
function deviceEventIn(bytes: Uint8Array): EventEntry[] {
  const entry = decodeEntry(Uint8Array.from(bytes));
  if (!entry.ok || entry.value.kind !== "event") return [];
  const known = registryEvent(entry.value);
  return known?.type.startsWith("device.") ? [entry.value] : [];
}
