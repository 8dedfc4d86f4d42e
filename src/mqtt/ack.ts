/** The body of `{prefix}/{device id}/ack`: what became of an upload, in the field names devices already know. */
import type { Outcome } from "../ingest/upload.ts";

/**
 * `{deviceId, msgId, seq, accepted, reason, ackedAtUtc, leafIndex, leafHash}`. The hash is lower-case hex; seq has all
 * its digits even beyond 2^53, so the text is put together here instead of by JSON.stringify alone.
 *
 * @param deviceId the registry id of the topic, named where the message could not be read
 */
export function ackBody(deviceId: string, outcome: Outcome, nowMs: number): string {
  const message = outcome.kind === "rejected" ? undefined : outcome.message;
  const stored = outcome.kind === "stored" || outcome.kind === "duplicate" ? outcome : undefined;
  const reason = outcome.kind === "quarantined" || outcome.kind === "rejected" ? outcome.reason : null;
  const fields = [
    ["deviceId", JSON.stringify(message?.deviceId ?? deviceId)],
    ["msgId", JSON.stringify(message?.msgId ?? null)],
    ["seq", String(message?.seq ?? null)],
    ["accepted", String(stored !== undefined)],
    ["reason", JSON.stringify(reason)],
    ["ackedAtUtc", JSON.stringify(new Date(nowMs).toISOString())],
    ["leafIndex", String(stored?.leafIndex ?? null)],
    ["leafHash", JSON.stringify(stored ? Buffer.from(stored.leafHash).toString("hex") : null)],
  ];
  return `{${fields.map(([name, value]) => `"${name}":${value}`).join(",")}}`;
}
