/** One sender of datagrams: the session and identity that a serial port would have. */
import { mdp } from "../../../protocol/spec.ts";
import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import type { IngestPort, Outcome, ReceiptPort } from "../../../src/ingest/upload.ts";
import { answerBody } from "../../../src/mdp/answer-body.ts";
import { TokenBucket } from "../../../src/mqtt/token-bucket.ts";
import type { RejectReason } from "../../../src/rejects.ts";
import { portDialects } from "../../../src/serial/port-dialects.ts";
import { PortSession, type SessionEvent, type Verdict } from "../../../src/serial/port-session.ts";
import type { CommandOrder } from "../../commands/command-link.ts";
import type { BoardIdentity } from "../serial/board-identity.ts";
import { PortCommands, type PortSpeech } from "../serial/port-commands.ts";

export interface UdpSenderOptions {
  /** See `senderName`. */
  readonly name: string;
  /** Differs between any two sessions. */
  readonly session: string;
  readonly datagramsPerSecond: number;
  readonly ingest: IngestPort;
  readonly receipts: ReceiptPort;
  /** The id that every unsigned message goes under, or how to find it out. */
  readonly identity: string | ((ask: () => void) => BoardIdentity);
  readonly reply: (bytes: Uint8Array) => void;
  readonly onReject: (reason: RejectReason) => void;
  /** +1 for each message handed to ingest, −1 for each outcome. */
  readonly onInFlight: (change: 1 | -1) => void;
}

/** A datagram holds frames; no firmware sends lines this way. */
const dialects = { frames: portDialects.auto.frames, lines: [] };
const delimiter = Uint8Array.of(0);

export class UdpSender {
  lastMs: number;
  readonly #options: UdpSenderOptions;
  readonly #session: PortSession;
  readonly #identity: string | BoardIdentity;
  readonly #bucket: TokenBucket;
  readonly #commands = new PortCommands();
  #open = 0;

  constructor(options: UdpSenderOptions, nowMs: number) {
    this.#options = options;
    this.#session = new PortSession(options.session, dialects);
    const { identity } = options;
    this.#identity = typeof identity === "string" ? identity : identity(() => options.reply(this.#session.askHello()));
    this.#bucket = new TokenBucket(options.datagramsPerSecond, nowMs);
    this.lastMs = nowMs;
  }

  /** Nothing of it waits, so that it can be forgotten. */
  get isSettled(): boolean {
    return this.#open === 0 && !this.#commands.isOpen;
  }

  /** Whether it is the device, or carried its signed messages. */
  speaksFor(deviceId: string): boolean {
    const own = typeof this.#identity === "string" ? this.#identity : this.#identity.deviceId;
    return own === deviceId || this.#commands.hasHeardSigned(deviceId);
  }

  /** @throws GatewayError as PortCommands.encode */
  check(instruction: Instruction, role: string): void {
    this.#commands.encode(instruction, this.#speech(role));
  }

  send(order: CommandOrder, role: string): Promise<CommandAnswer> {
    return this.#commands.send(order, this.#speech(role), async (wire) => {
      await order.leaving();
      this.#options.reply(wire);
    });
  }

  #speech(role: string): PortSpeech {
    return { session: this.#session, role };
  }

  /** @param datagram at most `mdp.maxFrameBytes` */
  receive(datagram: Uint8Array, nowMs: number): void {
    this.lastMs = nowMs;
    if (!this.#bucket.take(nowMs)) {
      this.#options.onReject("RATE_LIMITED");
      return;
    }
    const events = this.#session.receive(datagram);
    // A frame may come without its delimiter, but never in two datagrams.
    if (datagram.at(-1) !== 0) events.push(...this.#session.receive(delimiter));
    for (const event of events) this.#handle(event);
  }

  /** Wait no longer for a HELLO. */
  decide(): void {
    if (typeof this.#identity !== "string") this.#identity.decide();
  }

  #handle(event: SessionEvent): void {
    if (event.kind === "message") this.#submit(event);
    else if (event.kind === "answer") this.#commands.answer(event.answer);
    else if (event.kind === "reply") this.#options.reply(event.wire);
    else if (event.kind === "reject") this.#options.onReject(event.reason);
  }

  #submit({ message, session, ref }: Extract<SessionEvent, { kind: "message" }>): void {
    const { ingest, receipts, name, reply, onInFlight } = this.#options;
    const { format, payload, signedBy } = message;
    this.#open++;
    onInFlight(1);
    const submit = (deviceId: string): void =>
      ingest.submit(
        { transport: "udp", format, payload, deviceId, source: `udp:${name}`, session },
        (error, outcome) => {
          const answer = this.#session.settled(ref, verdictOf(error, outcome), () =>
            answerBody(format, outcome!, receipts),
          );
          if (answer) reply(answer);
          if (signedBy !== undefined && verdictOf(error, outcome) === "kept") this.#commands.heardSigned(signedBy);
          this.#open--;
          onInFlight(-1);
        },
      );
    if (signedBy !== undefined) submit(signedBy);
    else if (typeof this.#identity === "string") submit(this.#identity);
    else this.#identity.resolve(message, submit);
  }
}

/** Longest datagram that can hold a frame, its delimiter included. */
export const maxDatagramBytes = mdp.maxFrameBytes;

function verdictOf(error: Error | undefined, outcome: Outcome | undefined): Verdict {
  if (error || !outcome) return "failed";
  return outcome.kind === "stored" || outcome.kind === "duplicate" ? "kept" : "refused";
}
