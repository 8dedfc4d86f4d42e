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
const succeeded = { outcome: "succeeded", message: "estop_cleared" };
const hello = { deviceId: "x", role: "", firmware: "side-a-mdp-2.1.0" };

function open(cmd = "clear_estop"): CommandSlot {
  const slot = new CommandSlot();
  slot.open({ by: "seq", seq: 7, cmd, dst: 0xa1 });
  return slot;
}

describe("the answer to a command", () => {
  test("names the command in ack, or repeats its number in seq", () => {
    expect(open().answer(packet({ ack: 7 }), message({ result: done }))).toEqual(succeeded);
    expect(open().answer(packet({ seq: 7 }), message({ result: done }))).toEqual(succeeded);
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
    expect(slot.answer(packet({ ack: 7 }), message({ result: done }))).toEqual(succeeded);
    expect(slot.isOpen).toBe(false);
  });

  test("is a HELLO for hello, and for nothing else", () => {
    expect(open("hello").answer(packet({ ack: 7 }), message({ hello }))).toEqual({
      outcome: "succeeded",
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

  test("comes from Side-B for what Side-B carries out: its ACK, or its status with the command's number", () => {
    const slot = open();
    slot.open({ by: "seq", seq: 7, cmd: "transport_status", dst: 0xb1 });
    expect(slot.answer(packet({ type: 5, ack: 0, src: 0xb1 }), message({}))).toBeUndefined();
    expect(slot.answer(packet({ type: 5, ack: 7, src: 0xb1 }), message({}))).toMatchObject({ outcome: "succeeded" });
    slot.open({ by: "seq", seq: 8, cmd: "lora_send", dst: 0xb1 });
    const full = { success: false, message: "backpressure_queue_full" };
    expect(slot.answer(packet({ type: 3, ack: 8, src: 0xb1 }), message({ result: full }))).toEqual({
      outcome: "failed",
      message: "backpressure_queue_full",
    });
  });

  test("names the command's number, in generation A, whatever its seq", () => {
    const slot = open();
    slot.open({ by: "number", cmdId: 4, seq: 7, dst: 0xa1 });
    const result = { success: false, message: "bad_index", cmdId: 3 };
    expect(slot.answer(packet({ ack: 7 }), message({ result }))).toBeUndefined();
    expect(slot.answer(packet({ src: 0xb1 }), message({ result: { ...result, cmdId: 4 } }))).toEqual({
      outcome: "failed",
      message: "bad_index",
    });
  });

  test("repeats the command's word, in lines", () => {
    const slot = open();
    slot.open({ by: "word", word: "led" });
    expect(slot.answerLine({ success: true, message: "ok", word: "buzz" })).toBeUndefined();
    expect(slot.answerLine({ success: true, message: "ok", word: "led rgb" })).toMatchObject({ outcome: "succeeded" });
    expect(slot.answerLine({ success: true, message: "ok", word: "led" })).toBeUndefined();
  });
});
