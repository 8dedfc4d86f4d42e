/**
 * Holds the keys that a start has found against those that the log has announced: what the log does not know yet is
 * announced, and what it cannot follow is refused. docs/adr/0064-keys-are-announced-in-the-log.md
 */
import {
  type KeyEvent,
  type KeyHistory,
  type KeyRole,
  keyEntry,
  keyRoles,
  rotationStatement,
} from "../../src/ledger/key-events.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import type { Ledger } from "./ledger.ts";
import type { JournalLogger } from "./logger.ts";
import { type RoleKeys, requireAnnounced, type SigningKeys } from "./signing-keys.ts";

export interface KeyAnnouncementOptions {
  readonly keys: SigningKeys;
  /** As far as the log has come. */
  readonly history: KeyHistory;
  /** Opened without resuming its blocks: that comes last here. */
  readonly ledger: Pick<Ledger, "blockOf" | "closeBlock" | "resumeBlocks">;
  /** Writes an entry. @returns its leaf index once it is durable */
  readonly record: (event: EventEntry) => Promise<number>;
  readonly nowUs: () => number;
  readonly log: JournalLogger;
}

/** Before anything else is signed. @throws GatewayError SIGNING_KEY_UNANNOUNCED, of what the checkpoint does not cover yet */
export async function announceKeys(options: KeyAnnouncementOptions): Promise<void> {
  const { keys, history, log } = options;
  requireAnnounced(keys.roles, history);
  const record = async (event: KeyEvent): Promise<void> => {
    const entry = keyEntry(event, options.nowUs());
    history.replay(entry, await options.record(entry));
    log.info({ type: event.type }, "the ledger has an entry about its keys");
  };
  // Whatever is entered below may close a block, so who seals it is settled first.
  await passSealsOn(options);
  const rotated = keyRoles.filter((role) => {
    const inForce = history.inForce(role);
    return inForce !== undefined && inForce !== keys.roles[role].current.vkey;
  });
  const unknown = keyRoles.filter((role) => history.inForce(role) === undefined);
  // Where the first version that announces finds a key before the one in use, the log begins with that.
  const first = (role: KeyRole): string => (keys.roles[role].old ?? keys.roles[role].current).vkey;
  if (unknown.length > 0) {
    await record({ type: "keys.introduced", keys: new Map(unknown.map((role) => [role, first(role)])) });
    rotated.push(...unknown.filter((role) => keys.roles[role].old !== undefined));
  }
  for (const role of keyRoles) {
    for (const key of history.notRetired(role))
      if (key !== keys.roles[role].old?.vkey) await record({ type: "key.retired", role, key });
  }
  // The seals' last: it changes who seals.
  rotated.sort((a, b) => Number(a === "seal") - Number(b === "seal"));
  for (const role of rotated) await record(await rotation(role, keys.roles[role]));
  await passSealsOn(options);
  await options.ledger.resumeBlocks();
}

async function rotation(role: KeyRole, { current, old }: RoleKeys): Promise<KeyEvent> {
  const rotated = { role, previous: old!.vkey, next: current.vkey };
  const statement = rotationStatement(rotated);
  const [endorsed, accepted] = [await old!.sign(statement), await current.sign(statement)];
  return { type: "key.rotated", ...rotated, endorsed, accepted };
}

/** The key before closes the block that announces its successor, so that it is the last thing it stands for. */
async function passSealsOn({ keys, history, ledger, log }: KeyAnnouncementOptions): Promise<void> {
  const { current, old } = keys.roles.seal;
  const announced = history.rotatedAt("seal");
  if (old === undefined || announced === undefined || history.inForce("seal") !== current.vkey) return;
  if ((await ledger.blockOf(announced)) === undefined) await ledger.closeBlock();
  if ((await ledger.blockOf(announced)) !== undefined) keys.seals.succeed();
  else log.warn({ announced }, "the disk is full: seals are signed with the key before until the next start");
}
