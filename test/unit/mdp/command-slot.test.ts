import { describe, expect, test } from "vitest";
import type { MdpPacket } from "../../../src/codec/mdp.ts";
import { CommandSlot } from "../../../src/mdp/command-slot.ts";
import type { SerialMessage } from "../../../src/serial/dialect.ts";

const packet = (fields: Partial<MdpPacket>): MdpPacket => ({ seq: 900, ack: 0, src: 0xa1, ...fields }) as MdpPacket;
const message = (rest: Partial<SerialMessage>): SerialMessage => ({
  format: "mdp-b",
  payload: new Uint8Array(0),
  ...rest,
});
const done = { success: true, message: "estop_cleared" };
const hello = { deviceId: "x", role: "", firmware: "side-a-mdp-2.1.0" };

function open(cmd = "clear_estop"): CommandSlot {
  const slot = new CommandSlot();
  slot.open(7, cmd);
  return slot;
}

describe("the answer to a command", () => {
  test("names the command in ack, or repeats its number in seq", () => {
    expect(open().answer(packet({ ack: 7 }), message({ result: done }))).toEqual(done);
    expect(open().answer(packet({ seq: 7 }), message({ result: done }))).toEqual(done);
  });

  test("is no other command's, also if its own seq happens to be the number", () => {
    expect(open().answer(packet({ ack: 6 }), message({ result: done }))).toBeUndefined();
    expect(open().answer(packet({ ack: 6, seq: 7 }), message({ result: done }))).toBeUndefined();
    expect(open().answer(packet({}), message({ result: done }))).toBeUndefined();
  });

  test("is no telemetry, also if it was asked for by the command", () => {
    const slot = open("read_sensors");
    expect(slot.answer(packet({ ack: 7 }), message({}))).toBeUndefined();
    expect(slot.isOpen).toBe(true);
  });

  test("comes from Side-A: that Side-B passed it on is noted and not enough", () => {
    const slot = open();
    const forwarded = message({ result: { success: true, message: "forwarded_to_side_a" } });
    expect(slot.answer(packet({ ack: 7, src: 0xb1 }), forwarded)).toBeUndefined();
    expect([slot.isOpen, slot.passedOn]).toEqual([true, true]);
    expect(slot.answer(packet({ ack: 7 }), message({ result: done }))).toEqual(done);
    expect(slot.isOpen).toBe(false);
  });

  test("is a HELLO for hello, and for nothing else", () => {
    expect(open("hello").answer(packet({ ack: 7 }), message({ hello }))).toEqual({
      success: true,
      message: "side-a-mdp-2.1.0",
    });
    expect(open().answer(packet({ ack: 7 }), message({ hello }))).toBeUndefined();
    // At boot a board numbers from 1, so its HELLO may carry any small seq by chance.
    expect(open("hello").answer(packet({ seq: 7 }), message({ hello }))).toBeUndefined();
  });

  test("comes once", () => {
    const slot = open();
    slot.answer(packet({ ack: 7 }), message({ result: done }));
    expect(slot.answer(packet({ ack: 7 }), message({ result: done }))).toBeUndefined();
  });
});
