/** A ledger as a gateway's start leaves it: with its own keys, announced, in a data directory on a real disk. */
import { join } from "node:path";
import { type Config, loadConfig } from "../../gateway/config/config.ts";
import { ensureIdentity } from "../../gateway/config/identity.ts";
import { keyPlace } from "../../gateway/config/key-place.ts";
import { announceKeys } from "../../gateway/journal/key-announcement.ts";
import { announcedKeysIn } from "../../gateway/journal/key-history.ts";
import { Ledger } from "../../gateway/journal/ledger.ts";
import { openSigningKeys, type SigningKeys } from "../../gateway/journal/signing-keys.ts";
import { EventLog } from "../../gateway/registry/event-log.ts";
import { replayEvents } from "../../gateway/registry/replay-events.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import { KeyHistory } from "../../src/ledger/key-events.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { entryOf } from "./ledger-entries.ts";
import { silent } from "./ledger-workload.ts";

export class StartedLedger {
  readonly ledger: Ledger;
  readonly keys: SigningKeys;
  readonly history: KeyHistory;

  private constructor(ledger: Ledger, keys: SigningKeys, history: KeyHistory) {
    this.ledger = ledger;
    this.keys = keys;
    this.history = history;
  }

  /** @param cut ends the start before the block with the announcements is closed, as a power cut would */
  static async start(
    cwd: string,
    env: Record<string, string> = {},
    { cut = false, leaves = 3, segmentBytes = 64 * 2 ** 20 } = {},
  ): Promise<StartedLedger> {
    const config: Config = loadConfig({ env, cwd });
    const origin = ensureIdentity(config).ledgerOrigin;
    const nowUs = () => Date.now() * 1000;
    const ledgerDir = join(config.data, "ledger");
    const announced = await announcedKeysIn(ledgerDir);
    const keys = await openSigningKeys({ ...keyPlace(config, origin), history: announced, ledgerDir, nowUs });
    const ledger = await Ledger.open({
      dir: ledgerDir,
      origin,
      signers: keys.checkpointSigners,
      verifiers: keys.checkpointVerifiers,
      seals: keys.seals,
      block: { leaves, ms: 3_600_000 },
      resumeBlocks: false,
      segmentBytes,
      nowUs,
      log: silent,
      onFatal: (error) => {
        throw error;
      },
    }).catch(async (error) => {
      await keys.close();
      throw error;
    });
    const events = new EventLog(ledger);
    const history = new KeyHistory();
    const started = new StartedLedger(ledger, keys, history);
    await replayEvents(ledger, events, history);
    try {
      await announceKeys({
        keys,
        history,
        ledger: cut
          ? { blockOf: (leaf) => ledger.blockOf(leaf), closeBlock: async () => {}, resumeBlocks: async () => {} }
          : ledger,
        record: (event) => events.append(event),
        nowUs,
        log: silent,
      });
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  /** One reading after the other, or so many at a time, each durable before the next. */
  async readings(count: number, atOnce = 1): Promise<void> {
    for (let seq = 1; seq <= count; seq += atOnce) {
      const batch = Array.from({ length: atOnce }, (_, index) => entryOf("oak", seq + index));
      await new Promise<void>((resolve, reject) =>
        this.ledger.append(entryBatch(batch, false), (error) => (error ? reject(error) : resolve())),
      );
    }
  }

  async event(entry: EventEntry): Promise<void> {
    await new EventLog(this.ledger).append(entry);
  }

  async stop(): Promise<void> {
    await this.ledger.close();
    await this.keys.close();
  }
}
