/** Small logs on any files, for the tests of the journal. */
import type { FilePort } from "../../gateway/journal/file-port.ts";
import { forEachEntry } from "../../gateway/journal/frame.ts";
import type { JournalFrame } from "../../gateway/journal/journal-reader.ts";
import type { LogBatch } from "../../gateway/journal/log-batch.ts";
import { SegmentedLog, type SegmentedLogOptions } from "../../gateway/journal/segmented-log.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import { silent } from "./ledger-workload.ts";

export const logDir = "/data/log";

export function openLog(files: FilePort, options: Partial<SegmentedLogOptions<LogBatch>> = {}): Promise<SegmentedLog> {
  return SegmentedLog.open({
    dir: logDir,
    files,
    log: silent,
    onFatal: () => {},
    segmentBytes: 400,
    probeIntervalMs: 1,
    ...options,
  });
}

export function batch(entries: readonly string[], control = false): LogBatch {
  return entryBatch(
    entries.map((text) => Buffer.from(text)),
    control,
  );
}

/** Resolves with the index of the first entry once the batch is durable. */
export function appendAll(log: SegmentedLog, entries: readonly string[], control = false): Promise<number> {
  return new Promise((resolve, reject) => {
    const first = log.append(batch(entries, control), (error) => (error ? reject(error) : resolve(first)));
  });
}

/** A log with entries "0" to `count - 1`, each in a frame of its own. */
export async function logOf(
  files: FilePort,
  count: number,
  options: Partial<SegmentedLogOptions<LogBatch>> = {},
): Promise<void> {
  const log = await openLog(files, options);
  for (let index = 0; index < count; index++) await appendAll(log, [String(index)], index % 10 === 3);
  await log.close();
}

export async function entriesOf(frames: AsyncIterable<JournalFrame>): Promise<Map<number, string>> {
  const entries = new Map<number, string>();
  for await (const { firstLeaf, count, bundle } of frames) {
    const found = forEachEntry(bundle, (entry, index) => entries.set(firstLeaf + index, Buffer.from(entry).toString()));
    if (found !== count) throw new Error(`a frame of ${count} holds ${found}`);
  }
  return entries;
}

/** What `entriesOf` gives for the entries "from" to `to - 1`. */
export function numbers(from: number, to: number): Map<number, string> {
  return new Map(Array.from({ length: to - from }, (_, index) => [from + index, String(from + index)]));
}
