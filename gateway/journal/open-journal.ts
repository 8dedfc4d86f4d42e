import { ActiveSegment } from "./active-segment.ts";
import type { FilePort } from "./file-port.ts";
import { FlatFile } from "./flat-file.ts";
import type { Frame } from "./frame-scanner.ts";
import type { JournalLogger } from "./logger.ts";
import { leavesPerOffset, offsetRecordBytes, offsetRecords, offsetsPath } from "./offset-index.ts";
import { SegmentCursor } from "./segment-cursor.ts";
import { recoverJournal } from "./segment-recovery.ts";
import { removeUnfinished } from "./segment-rewrite.ts";

export interface OpenedJournal {
  readonly segments: readonly number[];
  readonly active: ActiveSegment;
  readonly size: number;
  readonly offsets: FlatFile;
}

/** Recovers a journal, or begins one, and makes it ready for appending. @throws as recoverJournal */
export async function openJournal(at: {
  files: FilePort;
  dir: string;
  log: JournalLogger;
  atLeast: number;
}): Promise<OpenedJournal> {
  const { files, dir, log } = at;
  await files.makeDirectory(dir);
  await removeUnfinished(files, dir);
  const newestOffsets: Uint8Array[] = [];
  const onFrame = (frame: Frame, offset: number) => {
    newestOffsets.push(offsetRecords({ ...frame, payload: [frame.bundle] }, offset));
  };
  const recovered = await recoverJournal({ ...at, onFrame });
  const active = recovered
    ? await ActiveSegment.open(files, dir, recovered)
    : await ActiveSegment.create(files, dir, 0, undefined);
  const segments = recovered?.segments ?? [0];
  const offsets = await FlatFile.open(files, offsetsPath(dir), offsetRecordBytes);
  await restoreOffsets(offsets, at, segments);
  offsets.append(Buffer.concat(newestOffsets));
  log.info({ dir, size: recovered?.size ?? 0, segments: segments.length }, "journal open");
  return { segments, active, size: recovered?.size ?? 0, offsets };
}

/** Brings the offsets to where the newest segment begins: its own are known. */
async function restoreOffsets(
  offsets: FlatFile,
  { files, dir, log }: { files: FilePort; dir: string; log: JournalLogger },
  segments: readonly number[],
): Promise<void> {
  const newest = segments.at(-1)!;
  const wanted = Math.ceil(newest / leavesPerOffset);
  if (offsets.length >= wanted) return offsets.truncate(wanted);
  log.warn({ found: offsets.length, wanted }, "rebuilding the journal's offset index");
  // Dropped segments leave records that point nowhere.
  await offsets.truncate(0);
  offsets.append(Buffer.alloc(Math.ceil(segments[0]! / leavesPerOffset) * offsetRecordBytes));
  for (const segment of segments.slice(0, -1)) {
    const cursor = await SegmentCursor.open(files, dir, segment);
    try {
      for (;;) {
        const offset = cursor.offset;
        const frame = await cursor.take();
        if (frame === undefined) break;
        offsets.append(offsetRecords({ ...frame, payload: [frame.bundle] }, offset));
      }
      if (cursor.offset !== (await cursor.fileSize())) throw cursor.damage();
    } finally {
      await cursor.close();
    }
  }
}
