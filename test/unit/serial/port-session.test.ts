import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../../protocol/spec.ts";
import { decodeMdpFrame, encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { rejectReasons } from "../../../src/rejects.ts";
import { portDialects } from "../../../src/serial/port-dialects.ts";
import { PortSession, type SessionEvent, type Verdict } from "../../../src/serial/port-session.ts";
import { bytesOfShape, goldenBoards } from "../../support/golden-boards.ts";
import { arbStream, inPieces } from "../../support/mdp-arbitrary.ts";
import { ackOnly, telemetry } from "../../support/serial-boards.ts";

type Message = Extract<SessionEvent, { kind: "message" }>;

const { SIDE_A, SIDE_B, GATEWAY } = mdpEndpoints;
const { ACK_REQUESTED, IS_ACK, IS_NACK } = mdpFlags;
const session = (): PortSession => new PortSession("s", portDialects.auto);
const messages = (events: readonly SessionEvent[]): Message[] => events.filter((event) => event.kind === "message");
const opened = (port: PortSession, cmd: string): Uint8Array => {
  const command = port.encode({ id: "c-1", cmd, params: {}, expiresMs: 0 }, "");
  return command.ok ? port.open(command.value).wire : new Uint8Array(0);
};
const replies = (events: readonly SessionEvent[]): Uint8Array[] =>
  events.flatMap((event) => (event.kind === "reply" ? [event.wire] : []));

function settle(port: PortSession, events: readonly SessionEvent[], verdict: Verdict): (Uint8Array | undefined)[] {
  return messages(events).map(({ ref }) => port.settled(ref, verdict));
}

function json(type: number, seq: number, body: object, { ack = 0, src = SIDE_A as number } = {}): Uint8Array {
  return encodeMdpFrame({ type, seq, ack, src, dst: GATEWAY, body: Buffer.from(JSON.stringify(body)) });
}

const hello = (seq: number, ack = 0, src: number = SIDE_A): Uint8Array =>
  json(mdpTypes.HELLO, seq, { device_id: "b", role: "mushroom1", firmware_version: "side-a-mdp-2.1.0" }, { ack, src });

describe("one opening of a port", () => {
  test("any bytes with any outcomes: nothing throws, nothing is silent, and every answer is a frame that asks for none", () => {
    const arbVerdict = fc.constantFrom<Verdict>("kept", "refused", "failed");
    fc.assert(
      fc.property(
        arbStream,
        fc.array(fc.integer({ min: 1, max: 200 })),
        fc.infiniteStream(arbVerdict),
        (bytes, sizes, verdicts) => {
          const port = session();
          for (const piece of inPieces(bytes, sizes)) {
            for (const event of port.receive(piece)) {
              if (event.kind === "reject") expect(rejectReasons).toHaveProperty(event.reason);
              const wire = event.kind === "message" ? port.settled(event.ref, verdicts.next().value) : undefined;
              for (const reply of [wire, event.kind === "reply" ? event.wire : undefined]) {
                if (!reply) continue;
                const decoded = decodeMdpFrame(reply);
                expect(decoded).toMatchObject({ ok: true, value: { type: mdpTypes.ACK, src: GATEWAY } });
                expect(decoded.ok && decoded.value.flags & ACK_REQUESTED).toBe(0);
              }
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("the copy of a generation-A frame belongs to the same run, though each frame says who it is", () => {
    const shape = goldenBoards.accepted.find(({ format, name }) => format === "mdp-a" && name.includes("text"))!;
    const port = session();
    const sessions = [1, 2].flatMap(() =>
      messages(port.receive(bytesOfShape(shape))).map((message) => message.session),
    );
    expect(sessions).toEqual(["s-a1-0", "s-a1-0"]);
  });

  test("the outcome decides the answer: kept is ACK, refused is NACK, failed is silence", () => {
    const port = session();
    const answers = (["kept", "refused", "failed"] as const).map((verdict, at) => {
      const [reply] = settle(port, port.receive(telemetry(50 + at, ACK_REQUESTED)), verdict);
      const decoded = reply && decodeMdpFrame(reply);
      return decoded?.ok ? [decoded.value.flags, decoded.value.ack, decoded.value.dst] : undefined;
    });
    expect(answers).toEqual([[IS_ACK, 50, SIDE_A], [IS_NACK, 51, SIDE_A], undefined]);
  });

  test("an answer carries the body it is given, unchanged, and none is made where nobody asked", () => {
    const port = session();
    // Its last COBS block, with the CRC, has a length that Side-A would take for a line end: JSON would be padded.
    const receipt = Uint8Array.of(0xd2, 0x84, 0x00, 1, 2, 3, 4, 5, 6, 7);
    const bodies: number[] = [];
    const answered = [0, ACK_REQUESTED].map((flags, at) =>
      messages(port.receive(telemetry(60 + at, flags))).map(({ ref }) =>
        port.settled(ref, "kept", () => {
          bodies.push(ref!.seq);
          return receipt;
        }),
      ),
    );
    expect(answered[0]).toEqual([undefined]);
    const decoded = decodeMdpFrame(answered[1]![0]!);
    expect(decoded.ok && new Uint8Array(decoded.value.body)).toEqual(receipt);
    expect(bodies).toEqual([61]);
  });

  test("a frame that became durable after its sender restarted is not answered: the numbers mean others now", () => {
    const port = session();
    const before = port.receive(telemetry(50, ACK_REQUESTED));
    port.receive(hello(1));
    expect(settle(port, before, "kept")).toEqual([undefined]);
  });

  test("who does not ask for an answer gets none", () => {
    const port = session();
    expect(settle(port, port.receive(telemetry(1)), "kept")).toEqual([undefined]);
  });

  test("an ACK-only frame is link control: no message; one that asks is answered once, and again only if it comes again later", () => {
    const port = session();
    expect(
      port.receive(encodeMdpFrame({ type: mdpTypes.ACK, seq: 1, ack: 4, flags: IS_ACK, src: SIDE_B, dst: GATEWAY })),
    ).toEqual([]);
    const asking = Buffer.from(ackOnly(5));
    const answered = [Buffer.concat([asking, asking]), asking].map((bytes) => replies(port.receive(bytes)));
    expect(answered.map((list) => list.length)).toEqual([1, 1]);
    expect(decodeMdpFrame(answered[0]![0]!)).toMatchObject({ value: { flags: IS_ACK, ack: 5, dst: SIDE_A } });
  });

  test("our own frames, echoed by a cable, are never answered", () => {
    const port = session();
    const events = port.receive(opened(port, "estop"));
    expect(replies(events)).toEqual([]);
    expect(settle(port, events, "refused")).toEqual([undefined]);
  });

  test("a reboot begins a new session: by HELLO, or by numbers that start again", () => {
    const port = session();
    const run = (bytes: Uint8Array): string => messages(port.receive(bytes))[0]!.session;
    const first = run(telemetry(10));
    expect(run(telemetry(11))).toBe(first);
    expect(run(telemetry(11))).toBe(first);
    const second = run(telemetry(1));
    expect(second).not.toBe(first);
    const third = run(hello(2));
    expect(third).not.toBe(second);
    expect(run(telemetry(3))).toBe(third);
    // Asked for by a command, HELLO is no reboot.
    expect(run(hello(4, 99))).toBe(third);
  });

  test("Side-A and Side-B number for themselves", () => {
    const port = session();
    const runs = [telemetry(1000), hello(1, 0, SIDE_B), telemetry(1001)].map(
      (bytes) => messages(port.receive(bytes))[0]!.session,
    );
    expect(runs[2]).toBe(runs[0]);
    expect(runs[1]).not.toBe(runs[0]);
  });

  test("a type that nobody knows is counted, and refused if an answer was asked for", () => {
    const port = session();
    const frame = encodeMdpFrame({ type: 0x44, seq: 3, flags: ACK_REQUESTED, src: SIDE_A, dst: GATEWAY });
    const events = port.receive(frame);
    expect(events[0]).toEqual({ kind: "reject", reason: "FRAME_UNKNOWN_TYPE" });
    expect(decodeMdpFrame(replies(events)[0]!)).toMatchObject({ value: { flags: IS_NACK, ack: 3 } });
  });

  test("the answer to a command is told, and is a message as well", () => {
    const port = session();
    const decoded = decodeMdpFrame(opened(port, "clear_estop"));
    const seq = decoded.ok ? decoded.value.seq : 0;
    expect(decoded).toMatchObject({
      value: { type: mdpTypes.COMMAND, dst: SIDE_A, src: GATEWAY, flags: ACK_REQUESTED },
    });
    const answer = json(mdpTypes.ACK, 12, { success: true, message: "estop_cleared" }, { ack: seq });
    expect(port.receive(answer).map(({ kind }) => kind)).toEqual(["dialect", "message", "answer"]);
  });

  test("a whole line glued to one that was cut off is found behind the objects of that one", () => {
    const objects = { led: { r: 0 }, buzzer: {}, outputs: { out1: { pwm: 1 }, out2: { pwm: 2 }, out3: { pwm: 3 } } };
    const whole = JSON.stringify({
      type: "telemetry",
      board_id: "9eb2699f6e7c",
      firmware: "MycoBrain-ScienceComms",
      ...objects,
    });
    const events = session().receive(Buffer.from(`${whole.slice(0, -8)}${whole}\r\n`));
    expect(events.map(({ kind }) => kind)).toEqual(["reject", "dialect", "message"]);
    expect(Buffer.from(messages(events)[0]!.message.payload).toString()).toBe(whole);
  });

  test("text that was cut off is broken, and the whole line glued to it is read; text for people is text", () => {
    const whole = "ENV addr=0x76 age=12ms T=21.52C RH=40.25% P=1013.2hPa(raw=101320) Gas=12034Ohm";
    const port = session();
    const events = port.receive(
      Buffer.from(`${whole.slice(0, 27)}\r\n${whole.slice(0, 16)}${whole}\r\nENV addr=0x76 found\r\n`),
    );
    expect(events.map((event) => (event.kind === "reject" ? event.reason : event.kind))).toEqual([
      "LINE_BROKEN",
      "LINE_BROKEN",
      "dialect",
      "message",
      "TEXT_LINE",
    ]);
    expect(Buffer.from(messages(events)[0]!.message.payload).toString()).toBe(whole);
  });
});
