import type { Upload } from "../../src/ingest/upload.ts";
import type { UploadContext } from "./batch.ts";

const maxContexts = 20_000;

/** One object for all uploads of a device by one way, so that a batch of them crosses to a worker with one copy of it. */
export class ContextCache {
  readonly #contexts = new Map<string, UploadContext>();

  of({ format, deviceId, source, session = "" }: Upload, trusted: boolean, provenBy?: number): UploadContext {
    const key = `${format}\n${deviceId}\n${source}\n${session}\n${trusted}\n${provenBy}`;
    const known = this.#contexts.get(key);
    if (known) return known;
    if (this.#contexts.size >= maxContexts) this.#contexts.clear();
    const context = { format, deviceId, source, session, trusted, ...(provenBy !== undefined && { provenBy }) };
    this.#contexts.set(key, context);
    return context;
  }
}
