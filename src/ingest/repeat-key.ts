/** When a later message counts as a repeat of an earlier one, by what the message itself carries. */
import type { Envelope } from "../codec/envelope.ts";
import type { Sample } from "../reading.ts";
import type { PayloadFormat } from "./upload.ts";

export type RepeatKey =
  /** Same device, seq and msgId. Other bytes under the same key are a conflict. */
  | { readonly by: "message"; readonly seq: number | bigint | undefined; readonly msgId: Uint8Array | string }
  /** The same bytes in the same session of an unsigned sender. */
  | { readonly by: "content"; readonly session: string }
  /** Nothing in it tells a repeat from a second measurement of the same value. */
  | { readonly by: "nothing" };

export function envelopeRepeatKey({ seq, msgId }: Pick<Envelope, "seq" | "msgId">): RepeatKey {
  return { by: "message", seq, msgId };
}

/** For the unsigned formats. */
export function sampleRepeatKey(format: PayloadFormat, { seq, msgId, epochMs }: Sample, session: string): RepeatKey {
  // Generation-B numbering starts again at each boot, so bytes repeat honestly from one session to the next.
  if (format === "mdp-b") return { by: "content", session };
  if (msgId !== undefined) return { by: "message", seq, msgId };
  return seq === undefined && epochMs === undefined ? { by: "nothing" } : { by: "content", session };
}
