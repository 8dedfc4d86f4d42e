/**
 * Appends to a ledger until it is killed, and prints `<leaf index> <entry>` for every entry acknowledged.
 * Arguments: data directory, a name that no earlier run had.
 */

import { DataDirLock } from "../../dist/gateway/journal/data-dir-lock.js";
import { Ledger } from "../../dist/gateway/journal/ledger.js";
import { openSigningKeys } from "../../dist/gateway/journal/signing-keys.js";
import { entryBatch } from "../../dist/src/ledger/bundle.js";

const [dataDir, run] = process.argv.slice(2);
await DataDirLock.acquire(dataDir);
const origin = "gw.test/ledger/1";
const nowUs = () => Date.now() * 1000;
const keys = await openSigningKeys({ keysDir: `${dataDir}/keys`, ledgerDir: `${dataDir}/ledger`, origin, nowUs });
const ledger = await Ledger.open({
  dir: `${dataDir}/ledger`,
  origin,
  signers: keys.checkpointSigners,
  seals: keys.seals,
  block: { leaves: 1_000_000, ms: 86_400_000 },
  nowUs,
  log: { info: () => {}, warn: () => {}, error: () => {} },
  onFatal: (error) => {
    throw error;
  },
  segmentBytes: 200_000,
  checkpointIntervalMs: 20,
});

for (let made = 0; ; made += 20) {
  const entries = Array.from({ length: 20 }, (_, index) => `${run}-${made + index}`);
  const batch = entryBatch(
    entries.map((text) => Buffer.from(text)),
    made % 100 === 0,
  );
  const first = ledger.append(batch, (error) => {
    if (error === undefined) process.stdout.write(entries.map((text, index) => `${first + index} ${text}\n`).join(""));
  });
  // A few batches are always on their way.
  while (ledger.pendingBytes > 1_000) await new Promise((resolve) => setImmediate(resolve));
}
