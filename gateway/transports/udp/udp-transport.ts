/**
 * MDP frames as UDP datagrams, as Side-B sends them over Wi-Fi (wire-facts §2). Anybody can send a datagram, and write any
 * sender on it, so the number of senders, the rate of each and what waits for the disk are all bounded, and unsigned
 * messages count only where `ingest.trust` says so. docs/adr/0085
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { decodeMdpFrame } from "../../../src/codec/mdp.ts";
import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { IngestPort, ReceiptPort } from "../../../src/ingest/upload.ts";
import type { RejectReason } from "../../../src/rejects.ts";
import type { CommandLink, CommandOrder } from "../../commands/command-link.ts";
import type { DependencyState, Listener } from "../../http/services.ts";
import { type Link, type LinkCounter, Tally } from "../link.ts";
import { BoardIdentity } from "../serial/board-identity.ts";
import { portDeviceId } from "../serial/port-name.ts";
import type { SerialLog, SerialRegistry } from "../serial/serial-registry.ts";
import { senderName, type UdpConfig } from "./config.ts";
import { maxDatagramBytes, UdpSender } from "./udp-sender.ts";

export interface UdpTransportOptions {
  readonly config: UdpConfig;
  /** Policy takes unsigned messages by UDP; boards are then enrolled as they are met. */
  readonly trusted: boolean;
  readonly ingest: IngestPort;
  readonly receipts: ReceiptPort;
  readonly registry: SerialRegistry;
  readonly log: SerialLog;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
}

/** Asked of the kernel, which may give less: a burst then waits there instead of being lost unseen. */
const receiveBufferBytes = 1_048_576;

export class UdpTransport implements Link, CommandLink {
  readonly name = "udp";
  readonly counters: readonly LinkCounter[];
  readonly #options: UdpTransportOptions;
  readonly #fates = new Tally();
  readonly #senders = new Map<string, UdpSender>();
  readonly #boards: ReadonlyMap<string, string>;
  #socket: Socket | undefined;
  #url = "";
  #sessions = 0;
  #inFlight = 0;
  /** Answers that are with the operating system. */
  #sending = 0;
  #stopping = false;
  #onIdle: (() => void) | undefined;

  constructor(options: UdpTransportOptions) {
    this.#options = options;
    this.#boards = new Map(options.config.boards.map(({ address, device }) => [address, device]));
    this.counters = [
      {
        name: "mycogate_udp_frames_total",
        help: "What datagrams held, by what became of it: taken for judging, or why not.",
        label: "fate",
        read: () => this.#fates.counts,
      },
    ];
  }

  state(): DependencyState {
    if (!this.#socket) return { status: "off", detail: "udp.port is off" };
    return { status: "ok", detail: `${this.#url}, ${this.#senders.size} senders` };
  }

  async start(): Promise<readonly Listener[]> {
    const { host, port } = this.#options.config;
    if (typeof port !== "number") return [];
    const socket = createSocket({ type: isIPv6(host) ? "udp6" : "udp4", recvBufferSize: receiveBufferBytes });
    try {
      socket.bind({ address: host, port, exclusive: true });
      await once(socket, "listening");
    } catch (cause) {
      throw new GatewayError("LISTEN_FAILED", `UDP cannot listen on ${host}:${port}`, {
        cause,
        details: { host, port },
      });
    }
    // An answer that could not be sent is like one that was lost on its way.
    socket.on("error", (error) => this.#options.log.warn({ err: error }, "UDP socket error"));
    socket.on("message", (datagram, from) => this.#received(datagram, from));
    this.#socket = socket;
    const { address, port: bound } = socket.address();
    this.#url = `udp://${isIPv6(address) ? `[${address}]` : address}:${bound}`;
    return [{ name: "udp", url: this.#url }];
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    this.#stopping = true;
    for (const sender of this.#senders.values()) sender.decide();
    if (this.#inFlight > 0 || this.#sending > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#socket = undefined;
    await new Promise<void>((resolve) => socket.close(resolve));
  }

  /** Whether it sent datagrams since the start, and is remembered. */
  reaches(deviceId: string): boolean {
    return this.#senderFor(deviceId) !== undefined;
  }

  /** Answers of one sender are told from another's by its address. */
  lane(deviceId: string): string {
    return this.#senderFor(deviceId)?.[0] ?? deviceId;
  }

  check(deviceId: string, instruction: Instruction): void {
    this.#reached(deviceId).check(instruction, this.#options.registry.roleOf(deviceId));
  }

  send(order: CommandOrder): Promise<CommandAnswer> {
    return this.#reached(order.deviceId).send(order, this.#options.registry.roleOf(order.deviceId));
  }

  /** Of several, the one heard last: a board may have got another address. */
  #senderFor(deviceId: string): readonly [name: string, sender: UdpSender] | undefined {
    const own = [...this.#senders].filter(([, sender]) => sender.speaksFor(deviceId));
    return own.sort(([, a], [, b]) => b.lastMs - a.lastMs)[0];
  }

  #reached(deviceId: string): UdpSender {
    const found = this.#senderFor(deviceId);
    if (!found || !this.#socket)
      throw new GatewayError("COMMAND_UNSUPPORTED", `device ${deviceId} has sent no datagram since the start`);
    return found[1];
  }

  #received(datagram: Uint8Array, from: RemoteInfo): void {
    // Like one that came after the socket was closed: its sender hears nothing and sends it again.
    if (this.#stopping) return;
    const nowMs = performance.now();
    if (datagram.length > maxDatagramBytes) this.#reject("PACKET_TOO_LARGE");
    else if (this.#inFlight >= this.#options.config.limits.inFlight) this.#reject("OVERLOADED");
    else this.#senderOf(datagram, from, nowMs)?.receive(datagram, nowMs);
  }

  /** Whoever has never sent a sound frame is not remembered, or noise could fill the table. */
  #senderOf(datagram: Uint8Array, from: RemoteInfo, nowMs: number): UdpSender | undefined {
    const name = senderName(from.address, from.port);
    const known = this.#senders.get(name);
    if (known) return known;
    const frame = decodeMdpFrame(datagram);
    if (!frame.ok) {
      this.#reject(frame.reject);
      return undefined;
    }
    if (!this.#boards.has(name) && !this.#makeRoom(nowMs)) {
      this.#reject("SENDER_LIMIT");
      return undefined;
    }
    const sender = this.#meet(name, from, nowMs);
    this.#senders.set(name, sender);
    return sender;
  }

  #meet(name: string, { address, port }: RemoteInfo, nowMs: number): UdpSender {
    const { config, trusted, ingest, receipts, registry, log, nowUs } = this.#options;
    const identify = (ask: () => void): BoardIdentity =>
      new BoardIdentity({ port: name, kind: "udp", registry, identifyMs: config.identifyMs, ask, log });
    const unknown = trusted ? identify : portDeviceId(name, "udp");
    return new UdpSender(
      {
        name,
        session: `${Math.floor(nowUs()).toString(36)}-${this.#sessions++}`,
        datagramsPerSecond: config.limits.datagramsPerSecond,
        ingest,
        receipts,
        identity: this.#boards.get(name) ?? unknown,
        reply: (bytes) => this.#send(bytes, port, address),
        onReject: (reason) => this.#reject(reason),
        onInFlight: (change) => this.#inFlightChanged(change),
      },
      nowMs,
    );
  }

  /** @returns whether one more sender may be remembered; those of the configuration take no place */
  #makeRoom(nowMs: number): boolean {
    const { senders, idleSeconds } = this.#options.config.limits;
    const strangers = [...this.#senders].filter(([name]) => !this.#boards.has(name));
    if (strangers.length < senders) return true;
    const idle = strangers.filter(([, { lastMs, isSettled }]) => isSettled && nowMs - lastMs >= idleSeconds * 1_000);
    for (const [name] of idle) this.#senders.delete(name);
    return idle.length > 0;
  }

  #reject(reason: RejectReason): void {
    this.#fates.add(reason);
    this.#options.ingest.reject("udp", reason);
  }

  #send(bytes: Uint8Array, port: number, address: string): void {
    this.#sending++;
    this.#socket?.send(bytes, port, address, () => {
      this.#sending--;
      this.#settled();
    });
  }

  #inFlightChanged(change: 1 | -1): void {
    this.#inFlight += change;
    if (change === 1) this.#fates.add("taken");
    this.#settled();
  }

  #settled(): void {
    if (this.#inFlight === 0 && this.#sending === 0) this.#onIdle?.();
  }
}
