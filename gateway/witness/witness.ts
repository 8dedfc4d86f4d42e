/**
 * A C2SP tlog-witness for other gateways' logs: cosigns what extends the checkpoint it cosigned last, one history for each
 * log. The new checkpoint is durable before its cosignatures leave, so a crash at any point can only forget what nobody saw.
 */

import { type Checkpoint, formatCheckpoint } from "../../src/ledger/checkpoint.ts";
import { judgeCheckpoint, type KnownLogs } from "../../src/ledger/judge-checkpoint.ts";
import { formatNote, formatSignature, type NoteSignature } from "../../src/ledger/note.ts";
import { type AddCheckpoint, parseAddCheckpoint } from "../../src/ledger/witness-request.ts";
import { TokenBucket } from "../../src/mqtt/token-bucket.ts";
import type { WitnessAnswer, WitnessService } from "../http/services.ts";
import type { JournalLogger } from "../journal/logger.ts";
import type { CosignedHeads } from "./cosigned-heads.ts";
import type { WitnessSigner } from "./witness-signer.ts";

export interface WitnessOptions {
  readonly logs: KnownLogs;
  readonly heads: CosignedHeads;
  readonly signer: WitnessSigner;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
  readonly log: JournalLogger;
}

/** Anybody may ask, and checking an ML-DSA-44 signature takes a millisecond of the gateway's time. */
const requestsPerSecond = 50;
const text = "text/plain; charset=utf-8";

export class Witness implements WitnessService {
  readonly #options: WitnessOptions;
  readonly #forks = new Map<string, string>();
  readonly #bucket = new TokenBucket(requestsPerSecond, performance.now());
  /** Requests are decided one after the other: comparing and keeping must not be parted by another's keeping. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  async addCheckpoint(body: Uint8Array): Promise<WitnessAnswer> {
    const request = parseAddCheckpoint(body);
    if (!request.ok) return { status: 400, type: text, body: `${request.detail}\n` };
    if (!this.#bucket.take(performance.now())) return { status: 503, type: text, body: "too many requests\n" };
    const answer = this.#turn.then(() => this.#decide(request.value));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  /** Logs that have shown two histories since the start, in words. */
  get alarms(): readonly string[] {
    return [...this.#forks.values()];
  }

  checkpoint(hash: string): string | undefined {
    return this.#options.heads.byHash(hash)?.note;
  }

  async #decide(request: AddCheckpoint): Promise<WitnessAnswer> {
    const { logs, heads, log } = this.#options;
    const [origin = ""] = request.note.split("\n", 1);
    if (heads.unusable.has(origin)) return { status: 503, type: text, body: "what was cosigned last is not known\n" };
    const verdict = judgeCheckpoint(request, logs, (origin) => heads.latest(origin)?.checkpoint);
    if (verdict.status === 409) return { status: 409, type: "text/x.tlog.size", body: `${verdict.size}\n` };
    if (verdict.status === 422 && verdict.isFork) this.#forked(origin, request.note);
    if (verdict.status !== 200) return { status: verdict.status, type: text, body: `${verdict.detail}\n` };
    try {
      const own = await this.#cosign(verdict.checkpoint, verdict.signatures);
      return { status: 200, type: text, body: own.map(formatSignature).join("") };
    } catch (error) {
      log.error({ err: error, origin }, "a checkpoint could not be kept, so it is not cosigned");
      return { status: 503, type: text, body: "the checkpoint could not be kept\n" };
    }
  }

  /** Only this is proof. That something was not shown to extend what we have says no more than that whoever sent it could not. */
  #forked(origin: string, note: string): void {
    if (this.#forks.has(origin)) return;
    const cosigned = this.#options.heads.latest(origin)!;
    this.#forks.set(
      origin,
      `the witnessed log ${origin} has signed two histories of ${cosigned.checkpoint.size} entries`,
    );
    this.#options.log.error({ origin, cosigned: cosigned.note, note }, "a witnessed log has signed two histories");
  }

  async #cosign(checkpoint: Checkpoint, signatures: readonly NoteSignature[]): Promise<readonly NoteSignature[]> {
    const { heads, signer, nowUs } = this.#options;
    const last = heads.latest(checkpoint.origin)?.time ?? 1n;
    const now = BigInt(Math.floor(nowUs() / 1_000_000));
    const time = now > last ? now : last;
    const own = await signer.cosign(checkpoint, time);
    const note = formatNote({ text: formatCheckpoint(checkpoint), signatures: [...signatures, ...own] });
    await heads.keep({ checkpoint, time, note });
    return own;
  }
}
