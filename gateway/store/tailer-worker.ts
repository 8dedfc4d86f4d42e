/** The tailer's thread: messages in, TailerLoop, reports out. Started by tailer.ts. */
import { parentPort, workerData } from "node:worker_threads";
import type { ClientConfig } from "pg";
import { goBehindOthers } from "../background-thread.ts";
import { JournalReader } from "../journal/journal-reader.ts";
import { TailerLoop } from "./tailer-loop.ts";

export interface TailerWorkerData {
  /** Directory of the journal's segments. */
  readonly journalDir: string;
}

export type TailerCommand =
  | { readonly kind: "durable"; readonly size: number }
  | { readonly kind: "database"; readonly config: ClientConfig }
  | { readonly kind: "stop" };

// Nobody waits for the copy, and the later it reads, the more goes into one COPY.
goBehindOthers();

const port = parentPort!;
const reader = new JournalReader((workerData as TailerWorkerData).journalDir);
const loop = new TailerLoop({
  frames: (from, to) => reader.frames(from, to),
  report: (report) => port.postMessage(report),
});

port.on("message", (command: TailerCommand) => {
  if (command.kind === "durable") loop.advance(command.size);
  else if (command.kind === "database") loop.connectTo(command.config);
  else loop.stop();
});

await loop.run();
await reader.close();
port.close();
