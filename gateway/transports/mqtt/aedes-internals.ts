/**
 * The parts of an aedes client that its types do not name, and what we change in them. All dependence on aedes beyond
 * its documented interface is in this file.
 */
import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import type { Client, PublishPacket } from "aedes";
import { isTopicFilter } from "../../../src/mqtt/topics.ts";

export interface AedesClient extends Client {
  readonly conn: Duplex;
  readonly _parser: PacketParser;
  readonly _keepaliveTimer: NodeJS.Timeout | null;
  /** Packets read and not done. */
  _parsingBatch: number;
  /** A packet is done, or has failed. */
  _nextBatch: (error?: Error | null) => void;
  readonly connackSent: boolean;
  will: WillPacket | null;
  /** Packet identifier of the next message sent to it. */
  _nextId: number;
}

interface InboundPacket {
  cmd: string;
  length: number;
  messageId?: number;
  protocolVersion?: number;
  subscriptions?: readonly { topic: string }[];
  unsubscriptions?: readonly string[];
}

/** The parser of mqtt-packet. */
interface PacketParser extends EventEmitter {
  packet: InboundPacket;
  parse(chunk: Buffer): void;
  _parseLength(): boolean;
  _emitError(error: Error): void;
}

/** What becomes of a message between the authorisation of its PUBLISH and its routing; aedes passes the object on. */
export type InboundPublish = PublishPacket & {
  messageId?: number;
  /** Refused, or not a message for subscribers. */
  withheld?: boolean;
  /** Already with its subscribers. */
  routed?: boolean;
};

export type WillPacket = InboundPublish & { payload: Buffer; transport: string };

/** A packet on its way out to a client with a session. */
export interface QueuedPacket {
  readonly cmd: "publish" | "pubrel";
  readonly qos: 0 | 1 | 2;
  readonly brokerCounter: number;
  messageId: number;
}

export interface ParserGuard {
  readonly maxPacketBytes: number;
  readonly onPacketTooLarge: () => void;
}

export interface ReadingEvents {
  readonly onReadable: () => void;
  /** A packet is done. */
  readonly onDone: () => void;
}

/** What a stranger may have us keep until it has said who it is. */
const maxConnectBytes = 16_384;

const connackUnacceptableProtocol = Buffer.from([0x20, 0x02, 0x00, 0x01]);
const supportedProtocols: ReadonlySet<number | undefined> = new Set([undefined, 3, 4]);

/**
 * Look at packets before aedes does: refuse one that is too long as soon as its length is known, answer an unknown
 * protocol level (MQTT-3.1.2-2), and close on what aedes lets pass but MQTT 3.1.1 forbids.
 */
export function guardParser(client: AedesClient, { maxPacketBytes, onPacketTooLarge }: ParserGuard): void {
  const parser = client._parser;
  const parseLength = parser._parseLength;
  parser._parseLength = function () {
    const known = parseLength.call(this);
    const limit = client.connecting || client.connected ? maxPacketBytes : Math.min(maxPacketBytes, maxConnectBytes);
    if (!known || this.packet.length <= limit) return known;
    onPacketTooLarge();
    this._emitError(new Error("packet too large"));
    return false;
  };
  parser.prependListener("error", () => {
    const { cmd, protocolVersion } = parser.packet;
    if (cmd === "connect" && !supportedProtocols.has(protocolVersion)) client.conn.write(connackUnacceptableProtocol);
  });
  parser.prependListener("packet", (packet: InboundPacket) => {
    // aedes closes the connection on a packet it does not know.
    if (isForbidden(packet)) packet.cmd = "forbidden";
  });
}

/**
 * From now on the socket is read by the caller only. aedes itself reads a chunk, waits until every packet in it is done,
 * and reads the next; since a PUBLISH is done when it is durable, the verify workers would then idle while the disk works
 * and the other way round. It also counts arriving bytes as a packet done, and so reads small segments without end.
 * @returns read a chunk; false where there is none
 */
export function takeOverReading(client: AedesClient, { onReadable, onDone }: ReadingEvents): () => boolean {
  const { conn, _parser: parser } = client;
  conn.removeListener("readable", client._nextBatch);
  conn.on("readable", onReadable);
  client._parsingBatch = 0;
  client._nextBatch = (error) => {
    if (error) client.emit("error", error);
    else {
      client._parsingBatch--;
      onDone();
    }
  };
  return () => {
    const chunk: Buffer | null = conn.read();
    if (chunk !== null) parser.parse(chunk);
    return chunk !== null;
  };
}

/**
 * Let a returning client's packet identifiers go on behind those its session still uses: aedes starts anywhere, and an
 * acknowledgement of a retained message, which no session keeps, would then complete another's delivery.
 */
export function continueNumbering(client: AedesClient, lastMessageId: number | undefined): void {
  if (lastMessageId !== undefined) client._nextId = (lastMessageId % 65_535) + 1;
}

/** §2.3.1 (a packet identifier of 0, or none), MQTT-3.8.3-3 and MQTT-3.10.3-2 (no filter), §4.7.1 (a wildcard within a level). */
function isForbidden({ cmd, messageId, subscriptions, unsubscriptions }: InboundPacket): boolean {
  if (messageId !== undefined && messageId < 1) return true;
  const filters =
    cmd === "subscribe"
      ? subscriptions!.map(({ topic }) => topic)
      : cmd === "unsubscribe"
        ? unsubscriptions!
        : undefined;
  return filters !== undefined && (filters.length === 0 || !filters.every(isTopicFilter));
}
