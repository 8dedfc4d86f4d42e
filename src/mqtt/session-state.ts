/**
 * What the broker must not forget: sessions with their subscriptions and unfinished deliveries, retained messages and
 * wills. It changes only by `apply`, one record at a time, so that the records in a file rebuild it.
 */
import { TopicTree } from "./topic-tree.ts";

export type Qos = 0 | 1 | 2;

/** Payloads travel as base64, because records are lines of JSON. */
export type SessionRecord =
  /** client id, owner: the session now exists */
  | readonly ["session", string, string]
  /** client id, milliseconds since 1970: its connection ended */
  | readonly ["offline", string, number]
  /** client id: the session and all in it are discarded */
  | readonly ["end", string]
  /** client id, filter, granted QoS */
  | readonly ["subscribe", string, string, Qos]
  | readonly ["unsubscribe", string, string]
  /** sequence, topic, payload, [client id, QoS of its delivery] of every session it waits for */
  | readonly ["queue", number, string, string, readonly (readonly [string, 1 | 2])[]]
  /** client id, sequence, packet identifier it was sent with */
  | readonly ["sent", string, number, number]
  /** client id, packet identifier: PUBREC came, PUBREL is due */
  | readonly ["release", string, number]
  /** client id, packet identifier: the delivery is complete */
  | readonly ["done", string, number]
  /** client id, packet identifier of a QoS 2 message received and not yet released */
  | readonly ["incoming", string, number]
  | readonly ["complete", string, number]
  /** topic, payload, QoS; an empty payload forgets the topic */
  | readonly ["retain", string, string, Qos]
  /** client id, will */
  | readonly ["will", string, StoredWill]
  | readonly ["no-will", string];

export interface StoredWill {
  readonly topic: string;
  readonly payload: string;
  readonly qos: Qos;
  readonly retain: boolean;
  /** The listener its client came by, for the counters of ingest. */
  readonly transport: string;
}

export interface Delivery {
  /** Order of arrival; unique over the life of the store. */
  readonly sequence: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 1 | 2;
  /** Set once it was sent. */
  messageId: number | undefined;
  /** QoS 2: the receiver has it, PUBREL is due. */
  released: boolean;
}

export interface Session {
  readonly clientId: string;
  /** Who opened it, as `kind:name`; nobody else may continue it. */
  readonly owner: string;
  readonly subscriptions: Map<string, SessionSubscription>;
  /** By sequence, oldest first. */
  readonly deliveries: Map<number, Delivery>;
  readonly byMessageId: Map<number, Delivery>;
  readonly incoming: Set<number>;
  queuedBytes: number;
  /** Undefined while connected, and after a crash until it connects or the store notes the restart. */
  offlineSinceMs: number | undefined;
}

export interface RetainedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
}

export interface SessionSubscription {
  readonly session: Session;
  readonly filter: string;
  readonly qos: Qos;
}

/** What a message takes in memory, roughly: many small ones must not slip under a limit on payload bytes. */
export function storedSize(topic: string, payload: Uint8Array): number {
  return 128 + topic.length + payload.length;
}

export class SessionState {
  readonly sessions = new Map<string, Session>();
  readonly retained = new Map<string, RetainedMessage>();
  readonly wills = new Map<string, StoredWill>();
  /** Subscriptions whose messages are kept for the session, QoS 1 and 2. */
  readonly subscriptions = new TopicTree<SessionSubscription>();
  /** Highest sequence so far. */
  sequence = 0;
  /** Bytes of all queues and retained messages, see `storedSize`. */
  storedBytes = 0;

  /** Records about a session or delivery that no longer exists change nothing. */
  apply(record: SessionRecord): void {
    switch (record[0]) {
      case "session":
        this.#open(record[1], record[2]);
        return;
      case "retain":
        this.#retain(record[1], Buffer.from(record[2], "base64"), record[3]);
        return;
      case "will":
        this.wills.set(record[1], record[2]);
        return;
      case "no-will":
        this.wills.delete(record[1]);
        return;
      case "queue":
        this.#queue(record[1], record[2], Buffer.from(record[3], "base64"), record[4]);
        return;
      default: {
        const session = this.sessions.get(record[1]);
        if (session) this.#applyTo(session, record);
      }
    }
  }

  /** Records that rebuild this state from nothing. */
  *snapshot(): Generator<SessionRecord> {
    for (const { topic, payload, qos } of this.retained.values())
      yield ["retain", topic, payload.toString("base64"), qos];
    for (const [clientId, will] of this.wills) yield ["will", clientId, will];
    for (const { clientId, owner, subscriptions, deliveries, incoming, offlineSinceMs } of this.sessions.values()) {
      yield ["session", clientId, owner];
      if (offlineSinceMs !== undefined) yield ["offline", clientId, offlineSinceMs];
      for (const { filter, qos } of subscriptions.values()) yield ["subscribe", clientId, filter, qos];
      for (const { sequence, topic, payload, qos, messageId, released } of deliveries.values()) {
        yield ["queue", sequence, topic, payload.toString("base64"), [[clientId, qos]]];
        if (messageId !== undefined) yield ["sent", clientId, sequence, messageId];
        if (released) yield ["release", clientId, messageId!];
      }
      for (const messageId of incoming) yield ["incoming", clientId, messageId];
    }
  }

  #open(clientId: string, owner: string): void {
    const existing = this.sessions.get(clientId);
    if (existing) {
      existing.offlineSinceMs = undefined;
      return;
    }
    this.sessions.set(clientId, {
      clientId,
      owner,
      subscriptions: new Map(),
      deliveries: new Map(),
      byMessageId: new Map(),
      incoming: new Set(),
      queuedBytes: 0,
      offlineSinceMs: undefined,
    });
  }

  #applyTo(session: Session, record: SessionRecord): void {
    switch (record[0]) {
      case "offline":
        session.offlineSinceMs = record[2];
        return;
      case "end":
        this.#end(session);
        return;
      case "subscribe":
        this.#unsubscribe(session, record[2]);
        this.#subscribe(session, record[2], record[3]);
        return;
      case "unsubscribe":
        this.#unsubscribe(session, record[2]);
        return;
      case "sent":
        this.#sent(session, record[2], record[3]);
        return;
      case "release": {
        const delivery = session.byMessageId.get(record[2]);
        if (delivery) delivery.released = true;
        return;
      }
      case "done":
        this.#finish(session, session.byMessageId.get(record[2]));
        return;
      case "incoming":
        session.incoming.add(record[2]);
        return;
      case "complete":
        session.incoming.delete(record[2]);
        return;
    }
  }

  #end(session: Session): void {
    for (const filter of [...session.subscriptions.keys()]) this.#unsubscribe(session, filter);
    for (const delivery of [...session.deliveries.values()]) this.#finish(session, delivery);
    this.sessions.delete(session.clientId);
  }

  #subscribe(session: Session, filter: string, qos: Qos): void {
    const subscription = { session, filter, qos };
    session.subscriptions.set(filter, subscription);
    if (qos > 0) this.subscriptions.add(filter, subscription);
  }

  #unsubscribe(session: Session, filter: string): void {
    const subscription = session.subscriptions.get(filter);
    if (!subscription) return;
    session.subscriptions.delete(filter);
    this.subscriptions.remove(filter, subscription);
  }

  #queue(sequence: number, topic: string, payload: Buffer, receivers: readonly (readonly [string, 1 | 2])[]): void {
    this.sequence = Math.max(this.sequence, sequence);
    for (const [clientId, qos] of receivers) {
      const session = this.sessions.get(clientId);
      if (!session || session.deliveries.has(sequence)) continue;
      session.deliveries.set(sequence, { sequence, topic, payload, qos, messageId: undefined, released: false });
      session.queuedBytes += storedSize(topic, payload);
      this.storedBytes += storedSize(topic, payload);
    }
  }

  #sent(session: Session, sequence: number, messageId: number): void {
    const delivery = session.deliveries.get(sequence);
    if (!delivery || session.byMessageId.has(messageId)) return;
    if (delivery.messageId !== undefined) session.byMessageId.delete(delivery.messageId);
    delivery.messageId = messageId;
    session.byMessageId.set(messageId, delivery);
  }

  #finish(session: Session, delivery: Delivery | undefined): void {
    if (!delivery) return;
    session.deliveries.delete(delivery.sequence);
    if (delivery.messageId !== undefined) session.byMessageId.delete(delivery.messageId);
    const size = storedSize(delivery.topic, delivery.payload);
    session.queuedBytes -= size;
    this.storedBytes -= size;
  }

  #retain(topic: string, payload: Buffer, qos: Qos): void {
    const previous = this.retained.get(topic);
    if (previous) this.storedBytes -= storedSize(topic, previous.payload);
    this.retained.delete(topic);
    if (payload.length === 0) return;
    this.storedBytes += storedSize(topic, payload);
    this.retained.set(topic, { topic, payload, qos });
  }
}
