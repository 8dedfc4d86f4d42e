/** A ledger of so many entries, made as fast as the disk takes it, to time the start on. */
import { randomBytes } from "node:crypto";
import { encodeEnvelope } from "../../src/codec/envelope.ts";
import { encodeEntry } from "../../src/ledger/entry.ts";
import { leafHash } from "../../src/ledger/merkle.ts";
import { loadConfig } from "../config/config.ts";
import { ensureIdentity } from "../config/identity.ts";
import { openLedger } from "./open-ledger.ts";

const batchCount = 512;
const pendingLimitBytes = 16 * 2 ** 20;

/** The envelopes are whole but signed with zeros: a start does not verify again what was verified before it was stored. */
export async function buildJournal(dataDir: string, entries: number): Promise<void> {
  const config = loadConfig({ flags: { data: dataDir }, env: {}, cwd: dataDir });
  const { ledgerOrigin } = ensureIdentity(config);
  const { ledger, close } = await openLedger(dataDir, ledgerOrigin);
  for (let first = 0; first < entries; first += batchCount) {
    const count = Math.min(batchCount, entries - first);
    const parts: Uint8Array[] = [];
    const leafHashes = new Uint8Array(count * 32);
    for (let index = 0; index < count; index++) {
      const entry = entryOf(first + index);
      parts.push(Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry);
      leafHashes.set(leafHash(entry), index * 32);
    }
    const durable = new Promise<void>((resolve, reject) => {
      ledger.append({ count, bundle: [Buffer.concat(parts)], leafHashes, control: false }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
    if (ledger.pendingBytes > pendingLimitBytes) await durable;
  }
  await close();
}

function entryOf(seq: number): Uint8Array {
  const reading = { sensor: 1, vi: 2_170, vs: 2, unit: 1, quality: 0 };
  const payload = encodeEnvelope(
    {
      deviceId: `built-${seq % 16}`,
      msgId: randomBytes(16),
      epochMs: 1_760_000_000_000 + seq,
      seq,
      readings: [reading, reading, reading, reading, reading, reading],
    },
    () => new Uint8Array(64),
    () => new Uint8Array(32),
  );
  return encodeEntry({
    kind: "reading",
    payload,
    receivedUs: 1_760_000_000_000_000 + seq * 1000,
    keyEpoch: 1,
    deviceId: `built-${seq % 16}`,
    format: "envelope",
    source: "mqtt",
    firmware: "",
  });
}
