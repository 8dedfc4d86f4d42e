/** What simulated devices answer to commands, by family: each as its real one does, in as few words. */
import { mdpTypes } from "../../protocol/spec.ts";
import { commandAckId, commandLongId } from "../../src/commands/mavlink.ts";
import { numberedTables } from "../../src/commands/mdp-a.ts";
import { encodeMavlinkFrame } from "../../src/mavlink/frame.ts";
import { MavlinkSplitter } from "../../src/mavlink/frame-splitter.ts";
import type { FrameStream } from "../../src/mdp/frame-stream.ts";
import type { FrameWriter } from "./board.ts";
import type { Outgoing } from "./model.ts";

/** Of any board: which numbers mean what differs, and a number that none has is unknown to all. */
const numbers = new Set(Object.values(numberedTables).flatMap((table) => Object.values(table).map(({ id }) => id)));

/** The body of the EVENT that answers a command by number. */
export function commandResult(command: Uint8Array): Uint8Array {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(1, 0);
  body.writeUInt16LE(4, 2);
  const id = command[0]! | (command[1]! << 8);
  body.writeUInt16LE(id, 4);
  body.writeInt16LE(numbers.has(id) ? 0 : -1, 6);
  return body;
}

/** A board that answers each command by number. */
export function obeyNumbers(stream: FrameStream, frames: FrameWriter, bytes: Uint8Array): Outgoing[] {
  return stream.push(bytes).flatMap((item) => {
    if (item.kind !== "frame" || item.packet.type !== mdpTypes.COMMAND || item.packet.body.length < 4) return [];
    return [frames.stored({ type: mdpTypes.EVENT, body: commandResult(item.packet.body) })];
  });
}

/** A vehicle that does whatever it is told. It says so in a frame, which is counted and is no message. */
export function obeyMavlink(bytes: Uint8Array, system: number, nextSeq: () => number): Outgoing[] {
  return new MavlinkSplitter().push(bytes).flatMap((item) => {
    if (item.kind !== "frame" || item.frame.messageId !== commandLongId || item.frame.payload[30] !== system) return [];
    const payload = new Uint8Array(10);
    payload.set(item.frame.payload.subarray(28, 30));
    payload.set([item.frame.system, item.frame.component], 8);
    const fields = { seq: nextSeq() & 0xff, system, component: 1, messageId: commandAckId, payload };
    const ack = encodeMavlinkFrame(fields);
    return [{ bytes: ack, expect: [], again: [], evidence: [], signed: false, frames: 1 }];
  });
}

const remembered = 8;

/** Firmware on our C library: a command runs once by its id, and its answer is given again. */
export class JsonObedience {
  readonly #answers = new Map<string, Outgoing>();

  hear(bytes: Uint8Array): Outgoing[] {
    let command: { readonly id?: unknown; readonly cmd?: unknown };
    try {
      command = JSON.parse(Buffer.from(bytes).toString());
    } catch {
      return [];
    }
    const id = String(command.id);
    const known = this.#answers.get(id);
    if (known) return [known];
    const isKnown = command.cmd === "measure" || command.cmd === "set_interval";
    const answer = { id: command.id, success: isKnown, message: isKnown ? "done" : "unknown_command" };
    const said: Outgoing = {
      bytes: Buffer.from(JSON.stringify(answer)),
      channel: "cmd/result",
      ...{ expect: [], again: [], evidence: [], signed: false },
    };
    if (this.#answers.size >= remembered) this.#answers.delete(this.#answers.keys().next().value!);
    this.#answers.set(id, said);
    return [said];
  }
}
