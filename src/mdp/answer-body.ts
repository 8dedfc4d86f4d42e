/**
 * The body of the frame that answers an upload over MDP. An envelope is answered by a signed receipt, or by JSON that says
 * why not; their first bytes differ. The field's own messages are answered as the field does, by a frame without body.
 */
import { isEnvelope } from "../dialects/envelope.ts";
import type { PayloadFormat } from "../dialects/index.ts";
import type { Outcome, ReceiptPort } from "../ingest/upload.ts";

const none = new Uint8Array(0);

export function answerBody(format: PayloadFormat, outcome: Outcome, receipts: ReceiptPort): Uint8Array {
  if (!isEnvelope(format)) return none;
  if (outcome.kind !== "quarantined" && outcome.kind !== "rejected") return receipts.receiptOf(outcome);
  return new TextEncoder().encode(JSON.stringify({ success: false, message: outcome.reason }));
}
