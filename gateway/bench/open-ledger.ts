import { join } from "node:path";
import pino from "pino";
import { Ledger } from "../journal/ledger.ts";
import { openSigningKeys, type SigningKeys } from "../journal/signing-keys.ts";

export interface OpenLedger {
  readonly ledger: Ledger;
  readonly keys: SigningKeys;
  /** Both. */
  close(): Promise<void>;
}

/** A ledger and its keys below a data directory, without a gateway around them. @param blockLeaves in a block, 100 unless given */
export async function openLedger(dataDir: string, origin: string, blockLeaves = 100): Promise<OpenLedger> {
  const nowUs = () => Date.now() * 1000;
  const dir = join(dataDir, "ledger");
  const keys = await openSigningKeys({ keysDir: join(dataDir, "keys"), ledgerDir: dir, origin, nowUs });
  const onFatal = (error: Error): never => {
    throw error;
  };
  const { checkpointSigners: signers, seals } = keys;
  const block = { leaves: blockLeaves, ms: 300_000 };
  const log = pino({ level: "silent" });
  const ledger = await Ledger.open({ dir, origin, signers, seals, block, nowUs, log, onFatal });
  const close = async () => {
    await ledger.close();
    await keys.close();
  };
  return { ledger, keys, close };
}
