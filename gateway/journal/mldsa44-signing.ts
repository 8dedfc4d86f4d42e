import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { shortLived, workerUrl } from "../worker-url.ts";

/** ML-DSA-44 signatures, made elsewhere than on the event loop. */
export interface Mldsa44Signing {
  /** @returns 2420 bytes: FIPS 204 pure, hedged, empty context */
  sign(message: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** With Node's own implementation where it has one (from 24.6 on), else in a worker thread. @param seed 32 bytes */
export function mldsa44Signing(seed: Uint8Array): Mldsa44Signing {
  const key = nativeKey(seed);
  return key === undefined ? new WorkerSigning(seed) : nativeSigning(key);
}

/** SEQUENCE { version 0, id-ml-dsa-44, OCTET STRING { [0] seed } }: RFC 9881 §6. */
export const mldsa44SeedPrefix = Buffer.from("3034020100300b060960864801650304031104228020", "hex");

function nativeKey(seed: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey({ key: Buffer.concat([mldsa44SeedPrefix, seed]), format: "der", type: "pkcs8" });
  } catch {
    return undefined; // An OpenSSL that does not know the algorithm.
  }
}

function nativeSigning(key: KeyObject): Mldsa44Signing {
  // With a callback it runs in the thread pool.
  const signing = promisify<null, Uint8Array, KeyObject, Buffer>(sign);
  return { sign: (message) => signing(null, message, key), close: async () => {} };
}

interface Asked {
  readonly resolve: (signature: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

class WorkerSigning implements Mldsa44Signing {
  readonly #worker: Worker;
  /** Oldest first; answers come in this order. */
  #asked: Asked[] = [];
  #failure: Error | undefined;

  constructor(seed: Uint8Array) {
    this.#worker = new Worker(workerUrl(import.meta.url, "./mldsa44-worker"), {
      workerData: seed,
      resourceLimits: shortLived,
    });
    this.#worker.on("message", (signature: Uint8Array) => this.#answered(signature));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the signing thread has ended")));
    this.#worker.unref();
  }

  sign(message: Uint8Array): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      // A process does not end while somebody waits for a signature, and it may otherwise.
      this.#worker.ref();
      this.#worker.postMessage(message);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #answered(signature: Uint8Array): void {
    this.#asked.shift()!.resolve(signature);
    if (this.#asked.length === 0) this.#worker.unref();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(error);
  }
}
