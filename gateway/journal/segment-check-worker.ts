/** Checks one segment of the log at a time: what comes in is its first leaf, what goes out is SegmentNews. */
import { parentPort, workerData } from "node:worker_threads";
import { diskFiles } from "./disk-files.ts";
import { vkeyVerifier } from "./seal-key-chain.ts";
import { SegmentCheck } from "./segment-check.ts";
import type { SegmentNews, SegmentThreadData } from "./segment-threads.ts";

/** Often enough for a progress bar. */
const leavesPerNews = 16_384;

const { vkeys, hmacKey, ...task } = workerData as SegmentThreadData;
const sealKeys = new Map(vkeys.map((vkey) => [vkey, vkeyVerifier(vkey, hmacKey)]));

const tell = (news: SegmentNews): void => parentPort!.postMessage(news);

parentPort!.on("message", async (segment: number) => {
  let leaves = 0;
  const checked = await SegmentCheck.run(diskFiles, task, sealKeys, segment, (more) => {
    leaves += more;
    if (leaves < leavesPerNews) return;
    tell({ leaves });
    leaves = 0;
  });
  tell({ checked });
});
