/**
 * What fungal computer interfaces call: a WebSocket at `/api/stream/ws` or `/api/fci/ws/stream/{id}`, and
 * `POST /api/channels/{channel}/publish` where they cannot hold one. Their clocks are not real, so the time of arrival is the time. docs/guides/fci.md
 */
import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { CommandAnswer, Instruction } from "../../../src/commands/command.ts";
import { GatewayError } from "../../../src/errors.ts";
import { boardOfChannel, fciCommand, readFciMessage } from "../../../src/fci/channel.ts";
import type { IngestPort, Outcome } from "../../../src/ingest/upload.ts";
import { TokenBucket } from "../../../src/mqtt/token-bucket.ts";
import type { RejectReason } from "../../../src/rejects.ts";
import { type CommandLink, type CommandOrder, orAborted } from "../../commands/command-link.ts";
import type { DependencyState, Listener } from "../../http/services.ts";
import { type Link, type LinkCounter, Tally } from "../link.ts";
import type { SerialLog, SerialRegistry } from "../serial/serial-registry.ts";
import type { FciConfig } from "./config.ts";

export interface FciTransportOptions {
  readonly config: FciConfig;
  /** Policy takes unsigned messages of these boards; they are then enrolled as they are met. */
  readonly trusted: boolean;
  readonly ingest: IngestPort;
  readonly registry: SerialRegistry;
  readonly log: SerialLog;
}

interface Connection {
  readonly socket: WebSocket;
  readonly bucket: TokenBucket;
  /** Whose it is, where its path says so. */
  readonly board: string | undefined;
  /** Boards whose commands it wants. */
  readonly boards: Set<string>;
  isAlive: boolean;
}

type Calibrated = () => void;

/** For any board, and as a paper has it for the one that is named. */
const streamPath = /^\/api\/(?:stream\/ws|fci\/ws\/stream\/([A-Za-z0-9_-]{1,64}))$/;
const publishPath = /^\/api\/channels\/([^/?]{1,128})\/publish$/;
const pingMs = 30_000;
/** Boards whose commands one connection may want. */
const maxSubscriptions = 16;
/** Addresses that publish without a connection and whose rate is known at a time. */
const maxPublishers = 1_024;

export class FciTransport implements Link, CommandLink {
  readonly name = "fci";
  readonly counters: readonly LinkCounter[];
  readonly #options: FciTransportOptions;
  readonly #configured: ReadonlyMap<string, string>;
  readonly #fates = new Tally();
  readonly #connections = new Set<Connection>();
  readonly #publishers = new Map<string, TokenBucket>();
  readonly #calibrations = new Map<string, Calibrated>();
  readonly #enrolments = new Map<string, Promise<void>>();
  #server: Server | undefined;
  #sockets: WebSocketServer | undefined;
  #url = "";
  #ping: NodeJS.Timeout | undefined;
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: FciTransportOptions) {
    this.#options = options;
    this.#configured = new Map(options.config.boards.map(({ id, device }) => [id, device]));
    options.ingest.onRoom(() => this.#readOn());
    this.counters = [
      {
        name: "mycogate_fci_messages_total",
        help: "What fungal computer interfaces sent, by what became of it: taken for judging, subscribe, or why not taken.",
        label: "fate",
        read: () => this.#fates.counts,
      },
    ];
  }

  state(): DependencyState {
    if (!this.#server) return { status: "off", detail: "fci.port is off" };
    return { status: "ok", detail: `${this.#url}, ${this.#connections.size} connections` };
  }

  async start(): Promise<readonly Listener[]> {
    const { host, port, limits } = this.#options.config;
    if (typeof port !== "number") return [];
    const server = createServer(
      { maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 30_000 },
      (request, reply) => {
        this.#request(request, reply).catch(() => reply.destroy());
      },
    );
    // Twice, so that boards that publish have room beside those that stream.
    server.maxConnections = limits.connections * 2;
    const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.messageBytes, perMessageDeflate: false });
    server.on("upgrade", (request, socket, head) => {
      socket.on("error", () => socket.destroy());
      const refusal = this.#refusal(request);
      const board = boardOfStream(request);
      if (refusal === undefined) sockets.handleUpgrade(request, socket, head, (opened) => this.#opened(opened, board));
      else socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
    try {
      server.listen({ host, port, exclusive: true });
      await once(server, "listening");
    } catch (cause) {
      throw new GatewayError("LISTEN_FAILED", `FCI cannot listen on ${host}:${port}`, {
        cause,
        details: { host, port },
      });
    }
    const { address, family, port: bound } = server.address() as AddressInfo;
    this.#url = `http://${family === "IPv6" ? `[${address}]` : address}:${bound}`;
    this.#server = server;
    this.#sockets = sockets;
    this.#ping = setInterval(() => this.#pingAll(), pingMs);
    return [{ name: "fci", url: this.#url }];
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    clearInterval(this.#ping);
    for (const { socket } of this.#connections) socket.pause();
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    for (const { socket } of this.#connections) socket.terminate();
    this.#sockets?.close();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    await closed;
  }

  /** Whether a connection listens for this device's commands. */
  reaches(deviceId: string): boolean {
    return this.#subscribersOf(deviceId).length > 0;
  }

  lane(deviceId: string): string {
    return deviceId;
  }

  check(deviceId: string, instruction: Instruction): void {
    this.#commandTo(deviceId, "", instruction);
  }

  /**
   * Boards do not answer, so it is delivered when it was handed to a connection; only `calibrate` waits for the board to
   * say that it has.
   * @throws GatewayError COMMAND_UNSUPPORTED, COMMAND_UNKNOWN, COMMAND_TIMEOUT, REQUEST_INVALID
   */
  async send(order: CommandOrder): Promise<CommandAnswer> {
    const { id, deviceId, cmd, signal } = order;
    this.#commandTo(deviceId, id, order);
    await order.leaving();
    // One of them only: what is carried out twice stimulates twice.
    const { socket, text } = this.#commandTo(deviceId, id, order);
    socket.send(text);
    this.#fates.add("command");
    if (cmd !== "calibrate") return { outcome: "delivered", message: "this board does not answer" };
    const calibrated = new Promise<void>((resolve) => this.#calibrations.set(deviceId, resolve));
    try {
      await orAborted(calibrated, signal);
      return { outcome: "succeeded", message: "calibration_complete" };
    } finally {
      this.#calibrations.delete(deviceId);
    }
  }

  #commandTo(
    deviceId: string,
    id: string,
    instruction: Instruction,
  ): { readonly socket: WebSocket; readonly text: string } {
    const first = this.#subscribersOf(deviceId)[0];
    if (!first) throw new GatewayError("COMMAND_UNSUPPORTED", `device ${deviceId} listens for no commands`);
    const text = fciCommand(first.board, id, instruction);
    if (!text.ok) throw new GatewayError(text.reject, text.detail);
    return { socket: first.socket, text: text.value };
  }

  #subscribersOf(deviceId: string): { readonly board: string; readonly socket: WebSocket }[] {
    return [...this.#connections].flatMap(({ boards, socket }) => {
      const board = [...boards].find((each) => this.#deviceOf(each) === deviceId);
      return board === undefined ? [] : [{ board, socket }];
    });
  }

  /** @returns the status line that refuses an upgrade */
  #refusal(request: IncomingMessage): string | undefined {
    const url = urlOf(request);
    if (!url || !streamPath.test(url.pathname)) return "404 Not Found";
    if (!this.#mayEnter(request, url.searchParams.get("api_key"))) return "401 Unauthorized";
    if (!this.#server || this.#connections.size >= this.#options.config.limits.connections)
      return "503 Service Unavailable";
    return undefined;
  }

  #mayEnter(request: IncomingMessage, query: string | null): boolean {
    const { apiKey } = this.#options.config;
    if (apiKey === undefined) {
      // Without a key only programs of this machine are let in, and a page that a browser here shows is none of them.
      return request.headers.origin === undefined;
    }
    const given = Buffer.from(String(request.headers["x-api-key"] ?? query ?? ""));
    const expected = Buffer.from(apiKey);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #opened(socket: WebSocket, board: string | undefined): void {
    const bucket = new TokenBucket(this.#options.config.limits.messagesPerSecond, performance.now());
    const connection: Connection = { socket, bucket, board, boards: new Set(), isAlive: true };
    this.#connections.add(connection);
    socket.on("close", () => this.#connections.delete(connection));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") this.#reject("PACKET_TOO_LARGE");
    });
    socket.on("pong", () => (connection.isAlive = true));
    socket.on("message", (data: Buffer) => {
      connection.isAlive = true;
      this.#message(connection, data);
      // What is not read waits with its sender.
      if (!this.#options.ingest.hasRoom) socket.pause();
    });
  }

  #readOn(): void {
    // While it stops, nothing more is read.
    if (this.#server) for (const { socket } of this.#connections) socket.resume();
  }

  #message({ bucket, board, boards }: Connection, bytes: Uint8Array): void {
    if (!bucket.take(performance.now())) {
      this.#reject("RATE_LIMITED");
      return;
    }
    const message = readFciMessage(bytes, board);
    if (!message.ok) this.#reject(message.reject);
    else if (board !== undefined && message.value.board !== board) this.#reject("BODY_INVALID");
    else if (message.value.kind === "published") {
      void this.#publish(message.value.board, message.value.isCalibration, bytes).catch(() => undefined);
    } else if (message.value.kind === "unsubscribe") boards.delete(message.value.board);
    else if (boards.size >= maxSubscriptions) this.#reject("RATE_LIMITED");
    else {
      boards.add(message.value.board);
      this.#fates.add("subscribe");
    }
  }

  async #request(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const board = boardOfChannel(publishPath.exec(urlOf(request)?.pathname ?? "")?.[1] ?? "");
    if (request.method !== "POST" || board === undefined)
      return answer(reply, 404, { success: false, error: "not found" });
    if (!this.#mayEnter(request, null)) return answer(reply, 401, { success: false, error: "X-API-Key" });
    if (!this.#publisher(request.socket.remoteAddress ?? "").take(performance.now())) {
      this.#reject("RATE_LIMITED");
      return answer(reply, 429, { success: false, error: "RATE_LIMITED" });
    }
    const body = await readBody(request, this.#options.config.limits.messageBytes);
    const message = body && readFciMessage(body, board);
    const isOurs = message?.ok && message.value.kind === "published" && message.value.board === board;
    if (!body || !isOurs) {
      const reason = body ? "BODY_INVALID" : "PACKET_TOO_LARGE";
      this.#reject(reason);
      return answer(reply, body ? 400 : 413, { success: false, error: reason });
    }
    const { isCalibration } = message.value as { isCalibration: boolean };
    const outcome = await this.#publish(board, isCalibration, body).catch(() => undefined);
    if (!outcome) answer(reply, 503, { success: false, error: "nothing was committed; send it again" });
    else if ("reason" in outcome) answer(reply, 202, { success: false, error: outcome.reason });
    else answer(reply, 200, { success: true, leafIndex: outcome.leafIndex });
  }

  #publisher(address: string): TokenBucket {
    const known = this.#publishers.get(address);
    if (known) return known;
    if (this.#publishers.size >= maxPublishers) this.#publishers.delete(this.#publishers.keys().next().value!);
    const bucket = new TokenBucket(this.#options.config.limits.messagesPerSecond, performance.now());
    this.#publishers.set(address, bucket);
    return bucket;
  }

  /** @throws GatewayError where nothing could be committed */
  async #publish(board: string, isCalibration: boolean, payload: Uint8Array): Promise<Outcome> {
    this.#inFlight++;
    this.#fates.add("taken");
    try {
      await this.#enrolled(board);
      const deviceId = this.#deviceOf(board);
      const upload = { transport: "fci", format: "fci-json", payload, deviceId, source: `fci:${board}` } as const;
      const outcome = await new Promise<Outcome>((resolve, reject) => {
        this.#options.ingest.submit(upload, (error, settled) => (settled ? resolve(settled) : reject(error)));
      });
      if (isCalibration && outcome.kind === "stored") this.#calibrations.get(deviceId)?.();
      return outcome;
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) this.#onIdle?.();
    }
  }

  #deviceOf(board: string): string {
    return this.#configured.get(board) ?? this.#options.registry.deviceForPort(board) ?? board;
  }

  /** Messages of one board that come meanwhile wait for the same decision. */
  async #enrolled(board: string): Promise<void> {
    const { registry, trusted, log } = this.#options;
    const isKnown = this.#configured.has(board) || registry.deviceForPort(board) !== undefined;
    if (isKnown || !trusted || !registry.isFree(board)) return;
    const enrolling =
      this.#enrolments.get(board) ??
      registry.enrolUnsigned({ id: board, port: board, role: "fci", firmware: "" }).then(
        () => log.info({ deviceId: board }, "fungal computer interface enrolled"),
        // Ingest says so of its messages.
        (error) => log.warn({ deviceId: board, err: error }, "fungal computer interface could not be enrolled"),
      );
    this.#enrolments.set(board, enrolling);
    await enrolling;
    this.#enrolments.delete(board);
  }

  #pingAll(): void {
    for (const connection of this.#connections) {
      if (connection.isAlive || connection.socket.isPaused) connection.socket.ping();
      else connection.socket.terminate();
      connection.isAlive = false;
    }
  }

  #reject(reason: RejectReason): void {
    this.#fates.add(reason);
    this.#options.ingest.reject("fci", reason);
  }
}

/** Undefined for a target that is none. */
function urlOf({ url = "/" }: IncomingMessage): URL | undefined {
  try {
    return new URL(url, "http://localhost");
  } catch {
    return undefined;
  }
}

function boardOfStream(request: IncomingMessage): string | undefined {
  return streamPath.exec(urlOf(request)?.pathname ?? "")?.[1];
}

function answer(reply: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  reply.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  reply.end(text);
}

/** @returns undefined where there is more than `limit` */
async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Read to its end all the same, or the answer would be lost with the connection; it may not take long.
    if (length <= limit) chunks.push(chunk);
  }
  return length > limit ? undefined : Buffer.concat(chunks);
}
