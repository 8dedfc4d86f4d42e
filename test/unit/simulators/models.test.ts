/** What the models put on a port, read by the gateway's own port session: as many messages and rejects as they expect. */
import { describe, expect, test } from "vitest";
import { families } from "../../../simulators/models/families.ts";
import type { Family, Outgoing } from "../../../simulators/models/model.ts";
import { planDevices } from "../../../simulators/run/plan.ts";
import { parseScenario } from "../../../simulators/scenario/read-scenario.ts";
import { decodePayload } from "../../../src/dialects/index.ts";
import { portDialects } from "../../../src/serial/port-dialects.ts";
import { PortSession } from "../../../src/serial/port-session.ts";

const onPorts = Object.entries<Family>(families).filter(([, { transports }]) => transports.includes("serial"));
const startMs = Date.parse("2026-06-01T06:00:00Z");

function sentBy(family: string, index: number): Outgoing[] {
  const { faults } = families[family as keyof typeof families] as Family;
  const unsound = ["loss", "duplicate", ...faults.filter((name) => name === "corrupt" || name === "brokenLine")];
  const list = unsound.map((name) => `${name}: 0.1`).join(", ");
  const text = `name: t\nsummary: t\ngroups:\n  - { name: g, family: ${family}, count: 3, transport: serial, faults: { ${list}, brownOut: { at: [10m], for: 1m } } }\n`;
  const device = planDevices(parseScenario(text, "t.yaml"), { startMs, untilMs: 20 * 60_000, keySecret: "k" })[index]!;
  return [...device.steps].flatMap(({ actions }) =>
    actions.flatMap((action) => (action.kind === "send" ? [action.message] : [])),
  );
}

describe.each(onPorts.map(([name]) => name))("%s", (family) => {
  // The third board of some families runs other firmware.
  test.each([0, 1, 2])("board %i says what it expects to be heard", (index) => {
    const port = new PortSession("p", portDialects.auto);
    const seen = new Set<Outgoing>();
    let messages = 0;
    for (const message of sentBy(family, index)) {
      const events = port.receive(message.bytes).filter(({ kind }) => kind === "message" || kind === "reject");
      const heard = events.map((event) => (event.kind === "reject" ? `rejected ${event.reason}` : "message"));
      const expected = (seen.has(message) ? message.again : message.expect).map((outcome) =>
        outcome.startsWith("rejected") ? outcome : "message",
      );
      expect(heard, Buffer.from(message.bytes).toString("latin1")).toEqual(expected);
      seen.add(message);
      const stored = message.evidence.map((bytes) => Buffer.from(bytes).toString("hex"));
      for (const event of events) {
        if (event.kind !== "message" || stored.length === 0) continue;
        messages++;
        expect(stored).toContain(Buffer.from(event.message.payload).toString("hex"));
        const { format, payload } = event.message;
        if (format !== "envelope") expect(decodePayload(format, payload)).toMatchObject({ ok: true });
      }
    }
    expect(messages).toBeGreaterThan(10);
  });
});
