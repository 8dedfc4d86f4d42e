/** protocol/vectors/golden-boards.json: what boards put on a port, and what it means. */
import { readFileSync } from "node:fs";
import type { PayloadFormat } from "../../src/dialects/index.ts";

interface Bytes {
  readonly name: string;
  readonly format: PayloadFormat;
  /** Hex, as on the wire. */
  readonly frame?: string;
  /** Without its end. */
  readonly line?: string;
}

export interface BoardShape extends Bytes {
  /** `sensor value unit`, and the quality where it is not 0. */
  readonly readings: readonly string[];
  /** `sensor unit quality: value …` */
  readonly arrays: readonly string[];
  readonly geo?: readonly number[];
}

interface RefusedShape extends Bytes {
  readonly reject: string;
}

export const goldenBoards: { readonly accepted: readonly BoardShape[]; readonly rejected: readonly RefusedShape[] } =
  JSON.parse(readFileSync(new URL("../../protocol/vectors/golden-boards.json", import.meta.url), "utf8"));

/** What is in the ledger of it. */
export function bytesOfShape({ frame, line }: Bytes): Buffer {
  return frame === undefined ? Buffer.from(line!) : Buffer.from(frame, "hex");
}
