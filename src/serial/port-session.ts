/**
 * One opening of a serial port, from bytes to messages and back: a state machine without clock, port or registry.
 * Bytes go in by `receive`; what became of each message comes back by `settled`, which may yield an acknowledgement.
 */
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import { crc16 } from "../codec/crc16.ts";
import type { MdpPacket } from "../codec/mdp.ts";
import type { CommandAnswer } from "../commands/command.ts";
import type { Addressed, CommandReject, PortCommand } from "../commands/encoded.ts";
import { maxCommandBytes } from "../commands/mdp-b.ts";
import { encodePortCommand } from "../commands/port-command.ts";
import { CommandSlot } from "../mdp/command-slot.ts";
import { FrameStream } from "../mdp/frame-stream.ts";
import { encodeOutbound } from "../mdp/outbound.ts";
import { Peer } from "../mdp/peer.ts";
import type { RejectReason } from "../rejects.ts";
import type { Result } from "../result.ts";
import { DialectDetector, type SpokenDialect } from "./detector.ts";
import type { SerialMessage } from "./dialect.ts";
import { type Line, type LineContent, type LineDialect, lineOf } from "./line.ts";
import type { PortDialects } from "./port-dialects.ts";

/** Lines for people, with nothing to read among them, before the board is asked for lines for machines. */
const patience = 3;
/** What puts the text firmware into its machine mode; each line is a command of its own. wire-facts §5.1 */
const machineMode = "mode machine\ndbg off\nfmt json\n";
/** Places in a broken line where a whole message may begin; the objects within what was cut off are some of them. */
const maxStarts = 16;

/** Where a message came from, to be handed back when its outcome is known. */
export interface FrameRef {
  readonly src: number;
  readonly run: number;
  readonly seq: number;
  readonly ackRequested: boolean;
}

export type SessionEvent =
  | {
      readonly kind: "message";
      readonly message: SerialMessage;
      readonly session: string;
      /** Absent for a line, which nobody acknowledges. */
      readonly ref: FrameRef | undefined;
    }
  /** What the port is taken to speak has changed. */
  | { readonly kind: "dialect"; readonly dialect: SpokenDialect }
  | { readonly kind: "answer"; readonly answer: CommandAnswer }
  | { readonly kind: "reply"; readonly wire: Uint8Array }
  | { readonly kind: "reject"; readonly reason: RejectReason };

/** `kept` and `refused` are on disk, in the ledger or in quarantine; `failed` is nowhere. */
export type Verdict = "kept" | "refused" | "failed";

interface ReadLine {
  readonly dialect: LineDialect;
  readonly text: string;
  /** Undefined where the line is of this dialect and cannot be taken. */
  readonly content: LineContent | undefined;
}

const noBody = (): Uint8Array => new Uint8Array(0);

const knownTypes: ReadonlySet<number> = new Set(Object.values(mdpTypes));

export class PortSession {
  readonly #name: string;
  readonly #dialects: PortDialects;
  readonly #mayAskForMachineMode: boolean;
  readonly #detector = new DialectDetector();
  readonly #stream = new FrameStream();
  readonly #peers = new Map<number, Peer>();
  readonly #commands = new CommandSlot();
  #nextSeq = 1;
  #unreadLines = 0;
  #lineRun = 0;
  #lineSeq = -1;

  /**
   * @param name differs between any two openings of the port
   * @param mayAskForMachineMode the operator allows commands that change what the board prints
   */
  constructor(name: string, dialects: PortDialects, mayAskForMachineMode = false) {
    this.#name = name;
    this.#dialects = dialects;
    this.#mayAskForMachineMode = mayAskForMachineMode;
  }

  /** What the port is taken to speak, undefined until a message was read. */
  get dialect(): SpokenDialect | undefined {
    return this.#detector.current;
  }

  receive(chunk: Uint8Array): SessionEvent[] {
    return this.#stream.push(chunk).flatMap((item): SessionEvent[] => {
      if (item.kind === "frame") return this.#frame(item.packet, item.wire);
      return item.kind === "text" ? this.#line(item.line) : [{ kind: "reject", reason: item.reason }];
    });
  }

  /**
   * @param body of the acknowledgement, made only if there is one
   * @returns the acknowledgement to send, if the sender asked for one and there is something to say
   */
  settled(ref: FrameRef | undefined, verdict: Verdict, body = noBody): Uint8Array | undefined {
    if (!ref) return undefined;
    const { src, run, seq, ackRequested } = ref;
    const peer = this.#peers.get(src)!;
    peer.settle(run, seq, verdict !== "failed");
    if (!ackRequested || verdict === "failed" || run !== peer.run) return undefined;
    return this.#acknowledgement(src, peer.ack, verdict === "kept" ? mdpFlags.IS_ACK : mdpFlags.IS_NACK, body());
  }

  /** What the board would be sent. @param speaks of the device, where a port serves several */
  encode(command: Addressed, role: string, speaks = this.dialect): Result<PortCommand, CommandReject> {
    return encodePortCommand(speaks, role, command);
  }

  /**
   * The bytes of a command, which then is the open one. There must be none: whoever sends lets them follow one another.
   * @returns whether the board will say what came of it
   */
  open(command: PortCommand): { readonly wire: Uint8Array; readonly isAnswered: boolean } {
    if (command.form === "line") {
      const { text, answer } = command;
      if (answer.by === "word") this.#commands.open(answer);
      return { wire: new TextEncoder().encode(`${text}\n`), isAnswered: answer.by === "word" };
    }
    const { body, isJson, dst, answer } = command;
    const padTo = isJson ? maxCommandBytes : 0;
    const { seq, wire } = this.#encode(mdpTypes.COMMAND, 0, mdpFlags.ACK_REQUESTED, dst, body, padTo);
    this.#commands.open({ ...answer, seq, dst });
    return { wire, isAnswered: true };
  }

  /** Give up waiting. @returns whether Side-B at least passed the command on */
  abandonCommand(): boolean {
    this.#commands.close();
    return this.#commands.passedOn;
  }

  /** A request that Side-A say who it is; nobody waits for the answer, so it does not count as the open command. */
  askHello(): Uint8Array {
    const body = new TextEncoder().encode(JSON.stringify({ cmd: "hello", params: {} }));
    return this.#encode(mdpTypes.COMMAND, 0, mdpFlags.ACK_REQUESTED, mdpEndpoints.SIDE_A, body, maxCommandBytes).wire;
  }

  #frame(packet: MdpPacket, wire: Uint8Array): SessionEvent[] {
    const { type, seq, flags, src, body } = packet;
    const { message, dialect } = this.#read(packet, wire);
    const peer = this.#peer(src);
    // A HELLO that answers no command is what a board sends when it boots.
    // Generation A has no HELLO and says who it is in every message.
    const boot = type === mdpTypes.HELLO && message.hello !== undefined && packet.ack === 0;
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
    const events: SessionEvent[] = [...this.#detected(dialect), { kind: "message", message, session, ref }];
    const answer = this.#commands.answer(packet, message);
    if (answer) events.push({ kind: "answer", answer });
    return events;
  }

  /** What none of our dialects reads goes on as it is, and ingest keeps it aside with its reason. */
  #read(packet: MdpPacket, wire: Uint8Array): { readonly message: SerialMessage; readonly dialect?: SpokenDialect } {
    for (const dialect of this.#dialects.frames) {
      const message = dialect.read(packet, wire);
      if (message) return { message, dialect: dialect.name };
    }
    return { message: { format: "mdp-b", payload: wire } };
  }

  #line(text: string): SessionEvent[] {
    const read = this.#readLine(lineOf(text));
    if (read) return this.#lineMessage(read);
    const trimmed = text.trimStart();
    if (!trimmed.startsWith("{") && this.#textStart(trimmed, 0) !== 0) return this.#textLine();
    if (lineOf(text).json) return [{ kind: "reject", reason: "LINE_UNKNOWN" }];
    // A line that was cut off has the next one glued to it, and that one may be whole.
    const broken: SessionEvent = { kind: "reject", reason: "LINE_BROKEN" };
    for (
      let at = this.#start(text, 1), tries = 0;
      at !== -1 && tries < maxStarts;
      at = this.#start(text, at + 1), tries++
    ) {
      const rest = this.#readLine(lineOf(text.slice(at)));
      if (rest) return [broken, ...this.#lineMessage(rest)];
    }
    return [broken];
  }

  /** Where from there on a line may begin, -1 for nowhere. */
  #start(text: string, from: number): number {
    const [object, word] = [text.indexOf('{"', from), this.#textStart(text, from)];
    return object === -1 || word === -1 ? Math.max(object, word) : Math.min(object, word);
  }

  #textStart(text: string, from: number): number {
    const rest = text.slice(from);
    const places = this.#dialects.lines.flatMap(({ begins }) => (begins ? [rest.search(begins)] : []));
    const found = places.filter((place) => place !== -1);
    return found.length === 0 ? -1 : from + Math.min(...found);
  }

  #readLine(line: Line): ReadLine | undefined {
    for (const dialect of this.#dialects.lines) {
      const content = dialect.read(line);
      if (content) return { dialect, text: line.text, content: content.ok ? content.value : undefined };
    }
    return undefined;
  }

  /** A line of a dialect; one that the dialect cannot take goes on as it is, and ingest keeps it aside. */
  #lineMessage({ dialect, text, content }: ReadLine): SessionEvent[] {
    if (content?.boot || (content?.seq !== undefined && content.seq < this.#lineSeq)) this.#lineRun++;
    this.#lineSeq = content?.seq ?? this.#lineSeq;
    const format = `line-${dialect.name}` as const;
    const payload = new TextEncoder().encode(text);
    const message: SerialMessage = content
      ? {
          format,
          payload,
          fromBoard: true,
          sayAll: true,
          ...(content.hello && { hello: content.hello }),
          ...(content.mac !== undefined && { mac: content.mac }),
          ...(content.result && { result: content.result }),
        }
      : { format, payload };
    const session = `${this.#name}-line-${this.#lineRun}`;
    const events = [...this.#detected(dialect.name), { kind: "message" as const, message, session, ref: undefined }];
    const answer = content?.result && this.#commands.answerLine(content.result);
    return answer ? [...events, { kind: "answer", answer }] : events;
  }

  #textLine(): SessionEvent[] {
    const reject: SessionEvent = { kind: "reject", reason: "TEXT_LINE" };
    this.#unreadLines++;
    const mayAsk = this.#mayAskForMachineMode && this.#detector.current === undefined;
    if (!mayAsk || this.#unreadLines !== patience) return [reject];
    return [reject, { kind: "reply", wire: new TextEncoder().encode(machineMode) }];
  }

  #detected(dialect: SpokenDialect | undefined): SessionEvent[] {
    // What a board prints when it starts says only that it has frames to come.
    if (dialect === undefined || dialect === "boot" || !this.#detector.note(dialect)) return [];
    return [{ kind: "dialect", dialect: this.#detector.current! }];
  }

  #peer(src: number): Peer {
    const known = this.#peers.get(src);
    if (known) return known;
    const peer = new Peer(src === mdpEndpoints.SIDE_B);
    this.#peers.set(src, peer);
    return peer;
  }

  #acknowledgement(dst: number, ack: number, flags: number, body: Uint8Array): Uint8Array {
    return this.#encode(mdpTypes.ACK, ack, flags, dst, body, 0).wire;
  }

  /** @param padTo see `encodeOutbound` */
  #encode(
    type: number,
    ack: number,
    flags: number,
    dst: number,
    body: Uint8Array,
    padTo: number,
  ): { seq: number; wire: Uint8Array } {
    const outbound = encodeOutbound({ type, ack, flags, src: mdpEndpoints.GATEWAY, dst, body }, this.#nextSeq, padTo);
    this.#nextSeq = outbound.seq + 1;
    return outbound;
  }
}
