/** The scrub's thread: one pass, one step after the other as they are asked for. Started by scrub-thread.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { goBehindOthers } from "../background-thread.ts";
import { diskFiles } from "../journal/disk-files.ts";
import { type PassOptions, ScrubPass, type StepReport, type StepRequest } from "./scrub-pass.ts";

/** Undefined ends the pass. */
export type ScrubCommand = StepRequest | undefined;
export type ScrubAnswer = { readonly report: StepReport } | { readonly error: Error };

goBehindOthers();
const port = parentPort!;
const pass = new ScrubPass(diskFiles, workerData as PassOptions);

port.on("message", async (command: ScrubCommand) => {
  if (command === undefined) {
    await pass.close();
    port.close();
    return;
  }
  try {
    port.postMessage({ report: await pass.step(command) } satisfies ScrubAnswer);
  } catch (error) {
    port.postMessage({ error: error as Error } satisfies ScrubAnswer);
  }
});
