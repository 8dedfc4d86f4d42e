/** HTTP to one C2SP tlog-witness. What it answers is only carried here; nothing of it is believed. */
import type { AddCheckpoint } from "../../src/ledger/witness-request.ts";
import { formatAddCheckpoint } from "../../src/ledger/witness-request.ts";

export type PeerAnswer =
  /** Signature lines, still to be checked. */
  | { readonly kind: "cosigned"; readonly lines: string }
  /** It has cosigned this size last, not the one that was named. */
  | { readonly kind: "conflict"; readonly size: number }
  | { readonly kind: "refused"; readonly status: number; readonly detail: string };

export interface PeerClientOptions {
  /** Submission and monitoring prefix, without a final slash. */
  readonly url: string;
  readonly monitorUrl: string;
  readonly timeoutMs: number;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** A note with a hundred ML-DSA-44 lines is shorter. */
const maxAnswerBytes = 400_000;

export class PeerClient {
  readonly #options: PeerClientOptions;

  constructor(options: PeerClientOptions) {
    this.#options = options;
  }

  /** @throws Error where there is no answer in time, or none that the protocol knows */
  async addCheckpoint(request: AddCheckpoint): Promise<PeerAnswer> {
    const { status, text } = await this.#fetch(`${this.#options.url}/add-checkpoint`, formatAddCheckpoint(request));
    if (status === 200) return { kind: "cosigned", lines: text };
    if (status === 409) {
      const [, digits] = /^(0|[1-9][0-9]*)\n$/.exec(text) ?? [];
      if (Number.isSafeInteger(Number(digits))) return { kind: "conflict", size: Number(digits) };
    }
    if (status >= 500 || status === 429) throw new Error(`it answered ${status}`);
    return { kind: "refused", status, detail: printable(text) };
  }

  /** The checkpoint of a log that it shows to monitors, or undefined where it has, or shows, none. @throws as above */
  async checkpoint(originHash: string): Promise<string | undefined> {
    const { status, text } = await this.#fetch(`${this.#options.monitorUrl}/${originHash}/checkpoint`);
    if (status === 200) return text;
    if (status >= 500 || status === 429) throw new Error(`it answered ${status}`);
    return undefined;
  }

  async #fetch(url: string, body?: string): Promise<{ status: number; text: string }> {
    const { timeoutMs, signal } = this.#options;
    const response = await fetch(url, {
      ...(body !== undefined && { method: "POST", body, headers: { "content-type": "text/plain; charset=utf-8" } }),
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of response.body ?? []) {
      bytes += piece.length;
      if (bytes > maxAnswerBytes) throw new Error(`its answer has more than ${maxAnswerBytes} bytes`);
      pieces.push(piece);
    }
    return { status: response.status, text: Buffer.concat(pieces).toString("utf8") };
  }
}

/** For a log: one short line. */
function printable(text: string): string {
  return text.slice(0, 200).replaceAll(/\p{C}/gu, " ").trim();
}
