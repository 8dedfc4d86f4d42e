/** Signs with ML-DSA-44 where that takes its 4 to 20 ms from nobody: what comes in is a message, what goes out its signature. */
import { parentPort, workerData } from "node:worker_threads";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { goBehindOthers } from "../background-thread.ts";

goBehindOthers();
const { secretKey } = ml_dsa44.keygen(workerData as Uint8Array);
parentPort!.on("message", (message: Uint8Array) => parentPort!.postMessage(ml_dsa44.sign(message, secretKey)));
