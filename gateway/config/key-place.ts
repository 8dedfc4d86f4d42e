import { join } from "node:path";
import type { KeyPlace } from "../journal/key-files.ts";
import type { Config } from "./schema.ts";

/** Where the log's keys are, as configured. */
export function keyPlace({ data, keys }: Config, origin: string): KeyPlace {
  const given = {
    "checkpoint-ed25519": keys.checkpointEd25519,
    "checkpoint-mldsa44": keys.checkpointMldsa44,
    seal: keys.sealEd25519,
    receipt: keys.receiptEd25519,
  };
  const set = Object.entries(given).filter(([, pem]) => pem !== undefined);
  return { keysDir: join(data, "keys"), origin, given: Object.fromEntries(set) };
}
