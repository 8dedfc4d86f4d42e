/**
 * The calls that aedes makes to its persistence, answered from the session store. aedes queues and retains through
 * Broker.publish, which we override, so of its persistence interface only what its packet handlers use is here.
 */
import { Readable } from "node:stream";
import type { StoredWill } from "../../../src/mqtt/session-state.ts";
import { filterMatches } from "../../../src/mqtt/topics.ts";
import type { QueuedPacket, WillPacket } from "./aedes-internals.ts";
import type { SessionStore } from "./session-store.ts";

interface ClientRef {
  readonly id: string;
}

/** A filter that no client can subscribe to, see subscriptionsByClient. */
export const sessionMarker = "\0session";

export class AedesPersistence {
  readonly #store: SessionStore;
  readonly #isGranted: (clientId: string, filter: string) => boolean;

  /** @param isGranted aedes hands over all filters of a SUBSCRIBE, the denied ones too */
  constructor(store: SessionStore, isGranted: (clientId: string, filter: string) => boolean) {
    this.#store = store;
    this.#isGranted = isGranted;
  }

  async setup(): Promise<void> {}

  /** aedes answers "session present" where this is not empty, so a session without subscriptions holds a marker. */
  async subscriptionsByClient({ id }: ClientRef): Promise<{ topic: string; qos: number }[]> {
    const subscriptions = this.#store.subscriptions(id);
    if (subscriptions.length > 0) return subscriptions;
    return this.#store.isResumed(id) ? [{ topic: sessionMarker, qos: 0 }] : [];
  }

  async addSubscriptions(
    { id }: ClientRef,
    subscriptions: readonly { topic: string; qos: 0 | 1 | 2 }[],
  ): Promise<void> {
    for (const { topic, qos } of subscriptions) {
      if (this.#isGranted(id, topic)) this.#store.subscribe(id, topic, qos);
    }
    await this.#written(true);
  }

  async removeSubscriptions({ id }: ClientRef, filters: readonly string[]): Promise<void> {
    for (const filter of filters) this.#store.unsubscribe(id, filter);
    await this.#written(true);
  }

  /** CONNECT with clean session: nothing of an earlier session remains (MQTT-3.1.2-6). */
  async cleanSubscriptions({ id }: ClientRef): Promise<void> {
    this.#store.discard(id);
  }

  async cleanIncoming({ id }: ClientRef): Promise<void> {
    this.#store.forgetVolatile(id);
  }

  /** Broker.sendUnsent publishes what is already queued. */
  async outgoingEnqueue(): Promise<void> {}

  /** Before a delivery is sent, and when its PUBREC came. */
  async outgoingUpdate({ id }: ClientRef, packet: QueuedPacket): Promise<void> {
    if (packet.cmd === "pubrel") this.#store.release(id, packet.messageId);
    else if (packet.qos > 0) packet.messageId = this.#store.sent(id, packet.brokerCounter, packet.messageId);
  }

  async outgoingClearMessageId({ id }: ClientRef, { messageId }: { messageId?: number }): Promise<void> {
    if (messageId !== undefined) this.#store.finish(id, messageId);
  }

  /** What a returning client has not acknowledged: PUBREL where it has the message, else the message again. */
  outgoingStream({ id }: ClientRef): Readable {
    return Readable.from(pendingPackets(this.#store, id));
  }

  async incomingStorePacket({ id }: ClientRef, { messageId }: { messageId: number }): Promise<void> {
    this.#store.addIncoming(id, messageId);
    await this.#written(false);
  }

  /** @throws Error where the packet identifier is not in use, as aedes expects */
  async incomingGetPacket({ id }: ClientRef, { messageId }: { messageId: number }): Promise<{ messageId: number }> {
    if (!this.#store.hasIncoming(id, messageId)) throw new Error("no such packet");
    return { messageId };
  }

  async incomingDelPacket({ id }: ClientRef, { messageId }: { messageId: number }): Promise<void> {
    this.#store.removeIncoming(id, messageId);
  }

  async putWill({ id }: ClientRef, { topic, payload, qos, retain, transport }: WillPacket): Promise<void> {
    const will: StoredWill = { topic, payload: Buffer.from(payload).toString("base64"), qos, retain, transport };
    this.#store.putWill(id, will);
    await this.#written(false);
  }

  async delWill({ id }: ClientRef): Promise<void> {
    this.#store.deleteWill(id);
  }

  /** Of brokers that share this store; there are none. */
  streamWill(): Readable {
    return Readable.from([]);
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    const wanted = filters.map((filter) => filter.split("/"));
    const matches = (topic: string): boolean => {
      const levels = topic.split("/");
      return wanted.some((filter) => filterMatches(filter, levels));
    };
    return Readable.from(this.#store.retained(matches).map((message) => ({ cmd: "publish", ...message })));
  }

  #written(sync: boolean): Promise<void> {
    return new Promise((resolve, reject) => this.#store.written(sync, (error) => (error ? reject(error) : resolve())));
  }
}

function* pendingPackets(store: SessionStore, clientId: string) {
  for (const { sequence, topic, payload, qos, messageId, released } of store.deliveries(clientId)) {
    const order = { brokerId: queueBroker, brokerCounter: sequence, messageId };
    if (released) yield { cmd: "pubrel", ...order };
    // A message that was sent before is a duplicate now (MQTT-3.3.1-1).
    else yield { cmd: "publish", topic, payload, qos, dup: messageId !== undefined, ...order };
  }
}

/** aedes drops a packet whose counter is not above the last one of the same broker; queued ones are counted apart. */
export const queueBroker = "queue";
