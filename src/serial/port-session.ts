/**
 * One opening of a serial port, from bytes to messages and back: a state machine without clock, port or registry.
 * Bytes go in by `receive`; what became of each message comes back by `settled`, which may yield an acknowledgement.
 */
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import { crc16 } from "../codec/crc16.ts";
import type { MdpPacket } from "../codec/mdp.ts";
import { CommandSlot } from "../mdp/command-slot.ts";
import { FrameStream } from "../mdp/frame-stream.ts";
import { encodeOutbound } from "../mdp/outbound.ts";
import { Peer } from "../mdp/peer.ts";
import type { RejectReason } from "../rejects.ts";
import { accept, type Result, refuse } from "../result.ts";
import type { CommandResult, SerialDialect, SerialMessage } from "./dialect.ts";

/** Longest command document that Side-A takes. wire-facts §4.1 */
const maxCommandBytes = 512;

/** Where a message came from, to be handed back when its outcome is known. */
export interface FrameRef {
  readonly src: number;
  readonly run: number;
  readonly seq: number;
  readonly ackRequested: boolean;
}

export type SessionEvent =
  | { readonly kind: "message"; readonly message: SerialMessage; readonly session: string; readonly ref: FrameRef }
  | { readonly kind: "answer"; readonly result: CommandResult }
  | { readonly kind: "reply"; readonly wire: Uint8Array }
  | { readonly kind: "reject"; readonly reason: RejectReason };

/** `kept` and `refused` are on disk, in the ledger or in quarantine; `failed` is nowhere. */
export type Verdict = "kept" | "refused" | "failed";

const knownTypes: ReadonlySet<number> = new Set(Object.values(mdpTypes));

export class PortSession {
  readonly #name: string;
  readonly #dialects: readonly SerialDialect[];
  readonly #stream = new FrameStream();
  readonly #peers = new Map<number, Peer>();
  readonly #commands = new CommandSlot();
  #nextSeq = 1;

  /** @param name differs between any two openings of the port */
  constructor(name: string, dialects: readonly SerialDialect[]) {
    this.#name = name;
    this.#dialects = dialects;
  }

  receive(chunk: Uint8Array): SessionEvent[] {
    return this.#stream.push(chunk).flatMap((item): SessionEvent[] => {
      if (item.kind === "frame") return this.#frame(item.packet, item.wire);
      return [{ kind: "reject", reason: item.kind === "text" ? "TEXT_LINE" : item.reason }];
    });
  }

  /** @returns the acknowledgement to send, if the sender asked for one and there is something to say */
  settled({ src, run, seq, ackRequested }: FrameRef, verdict: Verdict): Uint8Array | undefined {
    const peer = this.#peers.get(src)!;
    peer.settle(run, seq, verdict !== "failed");
    if (!ackRequested || verdict === "failed" || run !== peer.run) return undefined;
    return this.#acknowledgement(src, peer.ack, verdict === "kept" ? mdpFlags.IS_ACK : mdpFlags.IS_NACK);
  }

  /** The frame of a command to Side-A, which then is the open one. Refused while another is, or if it is too long. */
  command(cmd: string, params: Readonly<Record<string, unknown>>): Result<Uint8Array, "BUSY" | "TOO_LONG"> {
    if (this.#commands.isOpen) return refuse("BUSY", "another command is open");
    const body = new TextEncoder().encode(JSON.stringify({ cmd, params }));
    if (body.length > maxCommandBytes)
      return refuse("TOO_LONG", `the command takes ${body.length} of ${maxCommandBytes} bytes`);
    const { seq, wire } = this.#encode(mdpTypes.COMMAND, 0, mdpFlags.ACK_REQUESTED, mdpEndpoints.SIDE_A, body);
    this.#commands.open(seq, cmd);
    return accept(wire);
  }

  /** Give up waiting. @returns whether Side-B at least passed the command on */
  abandonCommand(): boolean {
    this.#commands.close();
    return this.#commands.passedOn;
  }

  /** A request that Side-A say who it is; nobody waits for the answer, so it does not count as the open command. */
  askHello(): Uint8Array {
    const body = new TextEncoder().encode(JSON.stringify({ cmd: "hello", params: {} }));
    return this.#encode(mdpTypes.COMMAND, 0, mdpFlags.ACK_REQUESTED, mdpEndpoints.SIDE_A, body).wire;
  }

  #frame(packet: MdpPacket, wire: Uint8Array): SessionEvent[] {
    const { type, seq, flags, src, body } = packet;
    const message = this.#read(packet, wire);
    const peer = this.#peer(src);
    // A HELLO that answers no command is what a board sends when it boots.
    const boot = message.hello !== undefined && packet.ack === 0;
    const isCopy = peer.arrive(seq, crc16(body) + type * 0x1_0000, boot);
    // What we hear from our own address is an echo; answering it would never end.
    const ackRequested = (flags & mdpFlags.ACK_REQUESTED) !== 0 && src !== mdpEndpoints.GATEWAY;
    const ref = { src, run: peer.run, seq, ackRequested };

    if (type === mdpTypes.ACK && body.length === 0) {
      // Link control, no message. One that asks to be acknowledged is answered by IS_ACK alone, or it would never end
      // (wire-facts §3.1), and its copy sent back to back is not answered again.
      const reply = this.settled({ ...ref, ackRequested: ackRequested && !isCopy }, "kept");
      return reply ? [{ kind: "reply", wire: reply }] : [];
    }
    if (!knownTypes.has(type)) {
      const reply = this.settled(ref, "refused");
      const reject: SessionEvent = { kind: "reject", reason: "FRAME_UNKNOWN_TYPE" };
      return reply ? [reject, { kind: "reply", wire: reply }] : [reject];
    }
    const session = `${this.#name}-${src.toString(16)}-${peer.run}`;
    const events: SessionEvent[] = [{ kind: "message", message, session, ref }];
    const result = this.#commands.answer(packet, message);
    if (result) events.push({ kind: "answer", result });
    return events;
  }

  /** What none of our dialects reads goes on as it is, and ingest keeps it aside with its reason. */
  #read(packet: MdpPacket, wire: Uint8Array): SerialMessage {
    for (const dialect of this.#dialects) {
      const message = dialect.read(packet, wire);
      if (message) return message;
    }
    return { format: "mdp-b", payload: wire };
  }

  #peer(src: number): Peer {
    const known = this.#peers.get(src);
    if (known) return known;
    const peer = new Peer(src === mdpEndpoints.SIDE_B);
    this.#peers.set(src, peer);
    return peer;
  }

  #acknowledgement(dst: number, ack: number, flags: number): Uint8Array {
    return this.#encode(mdpTypes.ACK, ack, flags, dst, new Uint8Array(0)).wire;
  }

  #encode(type: number, ack: number, flags: number, dst: number, body: Uint8Array): { seq: number; wire: Uint8Array } {
    const padTo = body.length === 0 ? 0 : maxCommandBytes;
    const outbound = encodeOutbound({ type, ack, flags, src: mdpEndpoints.GATEWAY, dst, body }, this.#nextSeq, padTo);
    this.#nextSeq = outbound.seq + 1;
    return outbound;
  }
}
