/** Ingest and registry as a serial port sees them, in memory. */

import type { SerialRegistry, UnsignedBoard } from "../../gateway/transports/serial/serial-registry.ts";
import { decodePayload } from "../../src/dialects/index.ts";
import { GatewayError } from "../../src/errors.ts";
import { sampleRepeatKey } from "../../src/ingest/repeat-key.ts";
import type { IngestPort, Outcome, Upload } from "../../src/ingest/upload.ts";
import type { RejectReason } from "../../src/rejects.ts";

export class FakeIngest implements IngestPort {
  readonly uploads: Upload[] = [];
  readonly outcomes: Outcome["kind"][] = [];
  readonly rejects: RejectReason[] = [];
  /** While set, nothing can be committed. */
  failure: Error | undefined;
  /** While set, outcomes wait for `settleAll`. */
  isHolding = false;
  hasRoom = true;
  readonly #onRoom: (() => void)[] = [];
  readonly #seen = new Set<string>();
  #held: (() => void)[] = [];

  submit(upload: Upload, done: (error: Error | undefined, outcome?: Outcome) => void): void {
    const copy = { ...upload, payload: upload.payload.slice() };
    this.uploads.push(copy);
    const settle = (): void => {
      if (this.failure) {
        done(this.failure);
        return;
      }
      const outcome = this.#judge(copy);
      this.outcomes.push(outcome.kind);
      done(undefined, outcome);
    };
    if (this.isHolding) this.#held.push(settle);
    else setImmediate(settle);
  }

  onRoom(listener: () => void): void {
    this.#onRoom.push(listener);
  }

  makeRoom(): void {
    this.hasRoom = true;
    for (const listener of this.#onRoom) listener();
  }

  reject(_transport: string, reason: RejectReason): void {
    this.rejects.push(reason);
  }

  settleAll(): void {
    for (const settle of this.#held.splice(0)) settle();
  }

  #judge({ format, payload, deviceId, session }: Upload): Outcome {
    const message = { deviceId, seq: undefined, msgId: undefined };
    const decoded = format === "envelope" ? undefined : decodePayload(format, payload);
    if (decoded && !decoded.ok)
      return { kind: "quarantined", reason: decoded.reject, id: this.uploads.length, message };
    const repeat = decoded?.ok ? sampleRepeatKey(decoded.value, session ?? "") : undefined;
    const times = repeat?.by === "nothing" ? this.outcomes.length : 0;
    const key = `${deviceId} ${repeat?.by === "content" ? session : ""} ${times} ${Buffer.from(payload).toString("hex")}`;
    const kind = this.#seen.has(key) ? "duplicate" : "stored";
    this.#seen.add(key);
    return { kind, leafIndex: this.#seen.size - 1, leafHash: new Uint8Array(32), message };
  }
}

export class FakeRegistry implements SerialRegistry {
  readonly boards = new Map<string, UnsignedBoard>();
  readonly firmware = new Map<string, string>();
  readonly taken = new Set<string>();
  /** While set, nobody can be enrolled. */
  failure: Error | undefined;

  deviceForPort(port: string): string | undefined {
    return this.boards.get(port)?.id;
  }

  isBoard(id: string): boolean {
    return [...this.boards.values()].some((board) => board.id === id);
  }

  roleOf(id: string): string {
    return [...this.boards.values()].find((board) => board.id === id)?.role ?? "";
  }

  isFree(id: string): boolean {
    return !this.taken.has(id);
  }

  async enrolUnsigned(board: UnsignedBoard): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failure) throw this.failure;
    if (this.taken.has(board.id)) throw new GatewayError("DEVICE_EXISTS", `${board.id} is taken`);
    this.taken.add(board.id);
    this.boards.set(board.port, board);
    this.firmware.set(board.id, board.firmware);
  }

  reportFirmware(id: string, firmware: string): void {
    this.firmware.set(id, firmware);
  }
}
