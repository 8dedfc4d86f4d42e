/** Sessions, retained messages and wills, bounded and on disk. What aedes asks of it goes through aedes-persistence.ts. */
import type { Logger } from "pino";
import {
  type Delivery,
  type Qos,
  type RetainedMessage,
  type Session,
  type SessionRecord,
  SessionState,
  type StoredWill,
  storedSize,
} from "../../../src/mqtt/session-state.ts";
import type { MqttLimits } from "./config.ts";
import { SessionLog } from "./session-log.ts";

export interface SessionStoreOptions {
  /** Where the file lives; made if absent. */
  readonly directory: string;
  readonly limits: MqttLimits;
  readonly log: Logger;
  readonly nowMs: () => number;
}

const maxPacketIdentifier = 65_535;

export class SessionStore {
  readonly #options: SessionStoreOptions;
  readonly #state = new SessionState();
  readonly #log: SessionLog;
  /** QoS 2 packet identifiers of clients without a session, which end with the connection. */
  readonly #volatileIncoming = new Map<string, Set<number>>();
  /** Clients whose last CONNECT continued an existing session. */
  readonly #resumed = new Set<string>();
  #version = 0;
  #dropped = 0;

  constructor(options: SessionStoreOptions) {
    this.#options = options;
    const { directory, log } = options;
    this.#log = new SessionLog({ directory, log, snapshot: () => this.#state.snapshot() });
  }

  /** Read the file. Sessions that were connected when the gateway died are offline from now on. */
  async open(): Promise<void> {
    await this.#log.open((record) => this.#state.apply(record));
    for (const { clientId, offlineSinceMs } of this.#state.sessions.values()) {
      if (offlineSinceMs === undefined) this.disconnected(clientId);
    }
    this.expire();
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  /** Changes whenever the answer of `keeps` may. */
  get version(): number {
    return this.#version;
  }

  get sessionCount(): number {
    return this.#state.sessions.size;
  }

  get retainedCount(): number {
    return this.#state.retained.size;
  }

  /** Messages that a queue or the retained store had no room for. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Where the order of messages goes on. */
  get sequence(): number {
    return this.#state.sequence;
  }

  /** Some session keeps messages of this topic until they are acknowledged. */
  keeps(topic: string): boolean {
    return this.#state.subscriptions.match(topic).length > 0;
  }

  /** Calls back once all that was changed so far is in the file, with `sync` also through a power cut. */
  written(sync: boolean, done: (error?: Error) => void): void {
    this.#log.written(sync, done);
  }

  /** Queue a message for every session that keeps it, once for each, at the highest QoS its filters grant. */
  enqueue(sequence: number, topic: string, payload: Buffer, qos: 1 | 2): void {
    const receivers = new Map<Session, 1 | 2>();
    for (const { session, qos: granted } of this.#state.subscriptions.match(topic)) {
      receivers.set(session, Math.max(receivers.get(session) ?? 0, Math.min(granted, qos)) as 1 | 2);
    }
    const size = storedSize(topic, payload);
    const stored: [string, 1 | 2][] = [];
    for (const [session, granted] of receivers) {
      if (this.#hasRoomIn(session, size) && this.#hasRoom(size * (stored.length + 1)))
        stored.push([session.clientId, granted]);
      else this.#dropped++;
    }
    if (stored.length > 0) this.#commit(["queue", sequence, topic, payload.toString("base64"), stored]);
  }

  /** Keep the message as the topic's last value; an empty payload forgets the topic. */
  retain(topic: string, payload: Buffer, qos: Qos): void {
    const isKnown = this.#state.retained.has(topic);
    if (payload.length === 0 ? isKnown : this.#hasRoom(storedSize(topic, payload))) {
      this.#commit(["retain", topic, payload.toString("base64"), qos]);
    } else if (payload.length > 0) {
      this.#dropped++;
    }
  }

  /** Retained messages that the filters match, each once. */
  retained(isWanted: (topic: string) => boolean): RetainedMessage[] {
    return [...this.#state.retained.values()].filter(({ topic }) => isWanted(topic));
  }

  /** Begin or continue the session of a client that connects without clean session. @returns false where there is no room */
  admit(clientId: string, owner: string): boolean {
    const exists = this.#state.sessions.has(clientId);
    if (!exists && this.#state.sessions.size >= this.#options.limits.sessions) return false;
    if (exists) this.#resumed.add(clientId);
    this.#commit(["session", clientId, owner]);
    return true;
  }

  /** True where the client identifier names a session of someone else. */
  isTaken(clientId: string, owner: string): boolean {
    return (this.#state.sessions.get(clientId)?.owner ?? owner) !== owner;
  }

  /** The client's CONNECT continued a session that was there before. */
  isResumed(clientId: string): boolean {
    return this.#resumed.has(clientId);
  }

  discard(clientId: string): void {
    this.#volatileIncoming.delete(clientId);
    this.#resumed.delete(clientId);
    if (!this.#state.sessions.has(clientId)) return;
    this.#version++;
    this.#commit(["end", clientId]);
  }

  /** Its connection stands; said after that of an earlier connection of the same client has ended. */
  connected(clientId: string): void {
    const session = this.#state.sessions.get(clientId);
    if (session) this.#commit(["session", clientId, session.owner]);
  }

  disconnected(clientId: string): void {
    if (this.#state.sessions.has(clientId)) this.#commit(["offline", clientId, this.#options.nowMs()]);
  }

  /** Discard sessions that nobody continued for too long. */
  expire(): void {
    const { limits, nowMs } = this.#options;
    const oldest = nowMs() - limits.sessionExpirySeconds * 1_000;
    for (const { clientId, offlineSinceMs } of [...this.#state.sessions.values()]) {
      if (offlineSinceMs !== undefined && offlineSinceMs < oldest) this.discard(clientId);
    }
  }

  subscriptions(clientId: string): { topic: string; qos: Qos }[] {
    const session = this.#state.sessions.get(clientId);
    return [...(session?.subscriptions.values() ?? [])].map(({ filter, qos }) => ({ topic: filter, qos }));
  }

  subscribe(clientId: string, filter: string, qos: Qos): void {
    const session = this.#state.sessions.get(clientId);
    if (!session || session.subscriptions.get(filter)?.qos === qos) return;
    this.#version++;
    this.#commit(["subscribe", clientId, filter, qos]);
  }

  unsubscribe(clientId: string, filter: string): void {
    if (!this.#state.sessions.get(clientId)?.subscriptions.has(filter)) return;
    this.#version++;
    this.#commit(["unsubscribe", clientId, filter]);
  }

  /** Unfinished deliveries, oldest first; a live view, so what is queued while it is read comes too. */
  deliveries(clientId: string): Iterable<Delivery> {
    return this.#state.sessions.get(clientId)?.deliveries.values() ?? [];
  }

  /**
   * Note that a delivery is about to be sent. @param proposed packet identifier to use if it is free
   * @returns the identifier to send it with: the one it had before (MQTT-4.4.0-1), or else a free one
   */
  sent(clientId: string, sequence: number, proposed: number): number {
    const session = this.#state.sessions.get(clientId);
    const delivery = session?.deliveries.get(sequence);
    if (!session || !delivery) return proposed;
    if (delivery.messageId !== undefined) return delivery.messageId;
    let messageId = proposed;
    while (session.byMessageId.has(messageId)) messageId = (messageId % maxPacketIdentifier) + 1;
    this.#commit(["sent", clientId, sequence, messageId]);
    return messageId;
  }

  /** Packet identifier of the newest delivery that was sent. */
  lastMessageId(clientId: string): number | undefined {
    let last: number | undefined;
    for (const { messageId } of this.deliveries(clientId)) last = messageId ?? last;
    return last;
  }

  /** PUBREC came. */
  release(clientId: string, messageId: number): void {
    if (this.#state.sessions.get(clientId)?.byMessageId.get(messageId)?.released === false) {
      this.#commit(["release", clientId, messageId]);
    }
  }

  /** PUBACK or PUBCOMP came. */
  finish(clientId: string, messageId: number): void {
    if (this.#state.sessions.get(clientId)?.byMessageId.has(messageId)) this.#commit(["done", clientId, messageId]);
  }

  /** A QoS 2 message with this identifier was received and not yet released. */
  hasIncoming(clientId: string, messageId: number): boolean {
    const incoming = this.#state.sessions.get(clientId)?.incoming ?? this.#volatileIncoming.get(clientId);
    return incoming?.has(messageId) ?? false;
  }

  addIncoming(clientId: string, messageId: number): void {
    if (this.#state.sessions.has(clientId)) {
      this.#commit(["incoming", clientId, messageId]);
      return;
    }
    const incoming = this.#volatileIncoming.get(clientId) ?? new Set();
    this.#volatileIncoming.set(clientId, incoming.add(messageId));
  }

  removeIncoming(clientId: string, messageId: number): void {
    if (this.#state.sessions.has(clientId)) this.#commit(["complete", clientId, messageId]);
    else this.#volatileIncoming.get(clientId)?.delete(messageId);
  }

  forgetVolatile(clientId: string): void {
    this.#volatileIncoming.delete(clientId);
  }

  putWill(clientId: string, will: StoredWill): void {
    this.#commit(["will", clientId, will]);
  }

  deleteWill(clientId: string): void {
    if (this.#state.wills.has(clientId)) this.#commit(["no-will", clientId]);
  }

  /** Wills of clients that were connected when the gateway died. */
  orphanedWills(): [clientId: string, StoredWill][] {
    return [...this.#state.wills];
  }

  #hasRoomIn({ deliveries, queuedBytes }: Session, size: number): boolean {
    const { limits } = this.#options;
    return deliveries.size < limits.queuedMessages && queuedBytes + size <= limits.queuedBytes;
  }

  #hasRoom(size: number): boolean {
    return this.#state.storedBytes + size <= this.#options.limits.storedBytes;
  }

  #commit(record: SessionRecord): void {
    this.#state.apply(record);
    this.#log.append(record);
  }
}
