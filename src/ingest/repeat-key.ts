/** When a later message counts as a repeat of an earlier one, by what the message itself carries. */
import type { Envelope } from "../codec/envelope.ts";
import type { Sample } from "../reading.ts";

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

/**
 * For the unsigned formats. Where numbering starts again at each boot, a dialect gives no `msgId`: bytes repeat honestly
 * from one session to the next.
 */
export function sampleRepeatKey({ seq, msgId, epochMs }: Sample, session: string): RepeatKey {
  if (msgId !== undefined) return { by: "message", seq, msgId };
  return seq === undefined && epochMs === undefined ? { by: "nothing" } : { by: "content", session };
}
