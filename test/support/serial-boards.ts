/** Boards as wire-facts describes them, at the far end of a pty. */
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import { decodeMdpFrame, encodeMdpFrame, type MdpPacket } from "../../src/codec/mdp.ts";
import type { Pty } from "./pty.ts";

/** A generation-B TELEMETRY frame. */
export function telemetry(seq: number, flags = 0, src: number = mdpEndpoints.SIDE_A): Uint8Array {
  return encodeMdpFrame({
    type: mdpTypes.TELEMETRY,
    seq,
    flags,
    src,
    dst: mdpEndpoints.GATEWAY,
    body: Buffer.from(`{"type":"telemetry","uptime_s":${seq},"estop":false,"analog":{"ai1":${seq}}}`),
  });
}

/** The frames in what a gateway wrote. @throws if it wrote anything else */
export function framesIn(bytes: Buffer): MdpPacket[] {
  const frames: MdpPacket[] = [];
  for (let start = 0, end = bytes.indexOf(0); end !== -1; start = end + 1, end = bytes.indexOf(0, start)) {
    const decoded = decodeMdpFrame(bytes.subarray(start, end + 1));
    if (!decoded.ok) throw new Error(`the gateway sent ${decoded.reject}`);
    frames.push(decoded.value);
  }
  return frames;
}

/** As Side-A of generation A sends it: it asks to be acknowledged itself. */
export function ackOnly(seq: number): Uint8Array {
  const flags = mdpFlags.IS_ACK | mdpFlags.ACK_REQUESTED;
  return encodeMdpFrame({
    type: mdpTypes.ACK,
    seq,
    ack: 0,
    flags,
    src: mdpEndpoints.SIDE_A,
    dst: mdpEndpoints.GATEWAY,
  });
}

/** Generation A as wire-facts §3.1–3.2 has it: sent twice at once, then again until an `ack` covers it. */
export class RetransmittingPeer {
  readonly #pty: Pty;
  readonly #slots = new Map<number, Uint8Array>();
  /** Frames sent, each copy counted. */
  written = 0;

  constructor(pty: Pty) {
    this.#pty = pty;
  }

  get outstanding(): number[] {
    const ack = Math.max(0, ...framesIn(this.#pty.received).map((frame) => frame.ack));
    return [...this.#slots.keys()].filter((seq) => seq > ack);
  }

  get answersThatAskBack(): number {
    return framesIn(this.#pty.received).filter(
      ({ type, flags }) => type === mdpTypes.ACK && flags & mdpFlags.ACK_REQUESTED,
    ).length;
  }

  queue(seq: number, wire: Uint8Array): void {
    this.#slots.set(seq, wire);
    this.#send(wire);
    this.#send(wire);
  }

  /** At most 9 timed retransmissions, 40 ms apart. */
  async run(): Promise<void> {
    for (let sends = 0; sends < 9 && this.outstanding.length > 0; sends++) {
      for (const seq of this.outstanding) this.#send(this.#slots.get(seq)!);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  #send(wire: Uint8Array): void {
    this.written++;
    this.#pty.write(wire);
  }
}

/** Generation B 2.1.0 behind a Side-B: line ends in a frame destroy it, and two ACKs answer a command. */
export class TrapBoard {
  isSilent = false;
  readonly #pty: Pty;
  #handled = 0;
  #seq = 1;
  #timer: NodeJS.Timeout | undefined;

  constructor(pty: Pty) {
    this.#pty = pty;
  }

  run(): void {
    this.#timer = setInterval(() => this.#poll(), 2);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  hello(ack = 0): Uint8Array {
    const body = {
      device_id: "mycobrain-1",
      firmware_version: "side-a-mdp-2.1.0",
      role: "mushroom1",
      sensors: [],
      capabilities: [],
    };
    return this.#frame(mdpTypes.HELLO, ack, 0, body);
  }

  #poll(): void {
    const bytes = this.#pty.received;
    for (let end = bytes.indexOf(0, this.#handled); end !== -1; end = bytes.indexOf(0, this.#handled)) {
      const received = bytes.subarray(this.#handled, end + 1);
      this.#handled = end + 1;
      const afterLine = Math.max(received.lastIndexOf(0x0a), received.lastIndexOf(0x0d)) + 1;
      const decoded = decodeMdpFrame(received.subarray(afterLine));
      if (decoded.ok && decoded.value.type === mdpTypes.COMMAND && decoded.value.dst === mdpEndpoints.SIDE_A)
        this.#answer(decoded.value);
    }
  }

  #answer({ seq, body, flags }: MdpPacket): void {
    const { cmd } = JSON.parse(Buffer.from(body).toString());
    const acked = flags & mdpFlags.ACK_REQUESTED;
    if (acked)
      this.#send(
        mdpTypes.ACK,
        seq,
        mdpFlags.IS_ACK,
        { success: true, message: "forwarded_to_side_a" },
        mdpEndpoints.SIDE_B,
      );
    if (this.isSilent) return;
    if (cmd === "hello") this.#pty.write(this.hello(seq));
    else if (cmd !== "read_sensors")
      this.#send(mdpTypes.ACK, seq, mdpFlags.IS_NACK, { success: false, message: "unknown_command" });
    else {
      this.#send(mdpTypes.TELEMETRY, seq, 0, { type: "telemetry", uptime_s: seq, estop: false, analog: {} });
      if (acked) this.#send(mdpTypes.ACK, seq, mdpFlags.IS_ACK, { success: true, message: "telemetry_sent" });
    }
  }

  #send(type: number, ack: number, flags: number, body: object, src: number = mdpEndpoints.SIDE_A): void {
    this.#pty.write(this.#frame(type, ack, flags, body, src));
  }

  #frame(type: number, ack: number, flags: number, body: object, src: number = mdpEndpoints.SIDE_A): Uint8Array {
    return encodeMdpFrame({
      type,
      seq: this.#seq++,
      ack,
      flags,
      src,
      dst: mdpEndpoints.GATEWAY,
      body: Buffer.from(JSON.stringify(body)),
    });
  }
}
