import { expect } from "vitest";
import { vkeyVerifier } from "../../gateway/journal/seal-key-chain.ts";
import { type CheckedSegment, SegmentCheck, type SegmentTask } from "../../gateway/journal/segment-check.ts";
import {
  type ChecksAhead,
  type VerifiedPart,
  type VerifyLogOptions,
  type VerifyReport,
  verifyLog,
} from "../../gateway/journal/verify-log.ts";
import type { FaultyFiles } from "./faulty-files.ts";

/** Checks segments as the threads do, in this one, of files that are not on a disk. */
export class ChecksHere implements ChecksAhead {
  readonly leavesAhead = 0;
  /** Those that a check had no objection to. */
  readonly checked: CheckedSegment[] = [];
  readonly #files: FaultyFiles;
  readonly #vkeys: readonly string[];
  #task: SegmentTask | undefined;
  #segments: readonly number[] = [];

  constructor(files: FaultyFiles, vkeys: readonly string[] = []) {
    this.#files = files;
    this.#vkeys = vkeys;
  }

  begin(task: SegmentTask, segments: readonly number[]): void {
    this.#task = task;
    this.#segments = segments;
  }

  async outcome(segment: number): Promise<CheckedSegment | undefined> {
    if (!this.#segments.includes(segment)) return undefined;
    const keys = new Map(this.#vkeys.map((vkey) => [vkey, vkeyVerifier(vkey)]));
    const checked = await SegmentCheck.run(this.#files, this.#task!, keys, segment, () => {});
    if (checked !== undefined) this.checked.push(checked);
    return checked;
  }

  async close(): Promise<void> {}
}

type Options = Omit<VerifyLogOptions, "files" | "seals"> & {
  readonly files: FaultyFiles;
  /** Made anew for each verification. */
  readonly seals?: () => VerifyLogOptions["seals"];
  readonly sealVkeys?: readonly string[];
};

/** From the first entry on, with segments checked ahead, and resumed at every place where it can be: with one result. */
export async function verifyEveryWay({ files, seals, sealVkeys = [], ...options }: Options): Promise<VerifyReport> {
  const verify = (more: Partial<VerifyLogOptions>) => verifyLog({ ...options, files, seals: seals?.(), ...more });
  const parts: VerifiedPart[] = [];
  const report = await verify({ onPart: async (part) => void parts.push(part) });
  expect(await verify({ ahead: new ChecksHere(files, sealVkeys) }), "checked ahead").toEqual(report);
  for (const from of parts) {
    // As it comes back from a file.
    const kept = JSON.parse(JSON.stringify(from)) as VerifiedPart;
    expect(await verify({ from: kept }), `resumed at ${from.state.leaf}`).toEqual(report);
  }
  return report;
}
