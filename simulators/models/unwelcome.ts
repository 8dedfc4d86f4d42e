import type { QuarantineReason } from "../../src/rejects.ts";
import type { Expected, Model, Outgoing } from "./model.ts";

/** What is found before the sender is looked up: it hides who sent the message. */
const foundFirst: readonly Expected[] = ["quarantined HASH_MISMATCH", "quarantined NOT_WELL_FORMED"];

/** A device that the gateway does not want: all that could be read is refused for this reason, whatever else is wrong. */
export function unwelcome(model: Model, reason: Extract<QuarantineReason, "UNKNOWN_DEVICE" | "DEVICE_REVOKED">): Model {
  const refused: readonly Expected[] = [`quarantined ${reason}`];
  const originals = new WeakMap<Outgoing, Outgoing>();
  const without = (message: Outgoing): Outgoing => {
    if (message.expect.length === 0 || message.expect.some((outcome) => foundFirst.includes(outcome))) return message;
    const unwanted: Outgoing = { ...message, expect: refused, again: againFor(message, refused), evidence: [] };
    originals.set(unwanted, message);
    return unwanted;
  };
  return {
    ...(model.enrolment && { enrolment: model.enrolment }),
    boot: (nowMs) => model.boot(nowMs).map(without),
    tick: (nowMs) => model.tick(nowMs).map(without),
    twisted: (twist, nowMs) => model.twisted!(twist, nowMs).map(without),
    corrupt: (message, random) => without(model.corrupt!(originals.get(message) ?? message, random)),
  };
}

/** A network server's second delivery is not looked into. */
function againFor({ again }: Outgoing, refused: readonly Expected[]): readonly Expected[] {
  return again.includes("rejected DELIVERED_BEFORE") ? again : refused;
}
