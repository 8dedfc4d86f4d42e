/** A scrub over a ledger in memory. */

import type { ScrubPassView } from "../../gateway/http/services.ts";
import { forEachEntry } from "../../gateway/journal/frame.ts";
import type { Ledger } from "../../gateway/journal/ledger.ts";
import { PayloadRemoval } from "../../gateway/journal/payload-removal.ts";
import { Turns } from "../../gateway/journal/turns.ts";
import { Findings } from "../../gateway/scrub/findings.ts";
import { Scrub, type ScrubOptions } from "../../gateway/scrub/scrub.ts";
import { ScrubPass } from "../../gateway/scrub/scrub-pass.ts";
import { decodeEntry, encodeEntry } from "../../src/ledger/entry.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import type { FaultyFiles } from "./faulty-files.ts";
import { ledgerDir, origin, signer, silent } from "./ledger-workload.ts";
import { record } from "./removal-support.ts";

const nowUs = () => Date.now() * 1000;

export class ScrubBench {
  readonly ledger: Ledger;
  readonly scrub: Scrub;
  readonly removal: PayloadRemoval;

  private constructor(ledger: Ledger, scrub: Scrub, removal: PayloadRemoval) {
    this.ledger = ledger;
    this.scrub = scrub;
    this.removal = removal;
  }

  /** Passes only when asked for. */
  static async open(ledger: Ledger, files: FaultyFiles, options: Partial<ScrubOptions> = {}): Promise<ScrubBench> {
    const write = (event: EventEntry) => record(ledger, [encodeEntry(event)], true);
    const turns = new Turns();
    const removal = await PayloadRemoval.open({ ledger, record: write, nowUs, turns, log: silent });
    const scrub = new Scrub({
      ledger,
      dir: ledgerDir,
      origin,
      verifiers: [signer],
      database: { onReady: () => undefined },
      findings: await Findings.open(ledger, { record: write, nowUs, log: silent }),
      turns,
      nowUs,
      log: silent,
      intervalMinutes: 0,
      loadPercent: 100,
      files,
      openPass: (pass) => new ScrubPass(files, pass),
      ...options,
    });
    scrub.start();
    return new ScrubBench(ledger, scrub, removal);
  }

  /** A whole pass. */
  async pass(): Promise<ScrubPassView> {
    const number = this.scrub.begin();
    for (;;) {
      const { last } = this.scrub.view();
      if (last?.number === number) return last;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Oldest first. */
  async events(): Promise<EventEntry[]> {
    const events: EventEntry[] = [];
    for await (const { bundle } of this.ledger.controlFrames(0, this.ledger.durableSize)) {
      forEachEntry(bundle, (bytes) => {
        const entry = decodeEntry(bytes);
        if (entry.ok && entry.value.kind === "event") events.push(entry.value);
      });
    }
    return events;
  }

  async close(): Promise<void> {
    await this.scrub.stop();
    await this.removal.stop();
    await this.ledger.close();
  }
}
