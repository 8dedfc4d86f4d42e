import { GatewayError } from "../../src/errors.ts";
import { KeyHistory } from "../../src/ledger/key-events.ts";
import { PublishedLog } from "./published-log.ts";

/** The keys that the log has announced so far, as far as its checkpoint goes. @throws GatewayError as PublishedLog */
export async function announcedKeys(log: PublishedLog): Promise<KeyHistory> {
  const history = new KeyHistory();
  const size = (await log.checkpoint())?.checkpoint.size ?? 0;
  for await (const { event, leafIndex } of log.events(0, size)) history.replay(event, leafIndex);
  return history;
}

/** As `announcedKeys`; what cannot be read there is for the opening of the ledger to find, or for its verification. */
export async function announcedKeysIn(ledgerDir: string): Promise<KeyHistory> {
  const log = new PublishedLog({ dir: ledgerDir });
  try {
    return await announcedKeys(log);
  } catch (error) {
    if (error instanceof GatewayError) return new KeyHistory();
    throw error;
  } finally {
    await log.close();
  }
}
