/**
 * aedes with its own way from a message to those who want it: one synchronous step per message, so that order is kept,
 * a message nobody wants costs nothing, and no subscriber is waited for.
 */
import { Aedes, type AedesOptions, type Client } from "aedes";
import type { Qos } from "../../../src/mqtt/session-state.ts";
import type { InboundPublish } from "./aedes-internals.ts";
import { queueBroker } from "./aedes-persistence.ts";
import type { Router } from "./router.ts";
import type { SessionStore } from "./session-store.ts";

type Done = (error?: Error) => void;

export interface Message {
  readonly topic: string;
  readonly payload: Buffer | string;
  readonly qos?: Qos;
  readonly retain?: boolean;
}

/** Who wants a topic now. */
export interface Interest {
  /** A connected client is subscribed. */
  readonly live: boolean;
  /** A session keeps it, wherever its client is. */
  readonly kept: boolean;
}

export class Broker extends Aedes {
  readonly #router: Router;
  readonly #store: SessionStore;
  /** aedes numbers messages with this. */
  declare counter: number;
  /** By client identifier. */
  declare clients: Readonly<Record<string, Client>>;

  constructor(options: AedesOptions, router: Router, store: SessionStore) {
    super({ ...options, mq: router });
    this.#router = router;
    this.#store = store;
    this.counter = store.sequence;
  }

  /** Changes whenever the answer of `interest` may. */
  get interestVersion(): number {
    return this.#router.version + this.#store.version;
  }

  interest(topic: string): Interest {
    return { live: this.#router.reaches(topic), kept: this.#store.keeps(topic) };
  }

  connected(clientId: string): Client | undefined {
    return this.clients[clientId];
  }

  /** aedes would register a client that is gone already, and then never take it off. */
  registerClient(client: Client): void {
    if (client.closed) this.#store.disconnected(client.id);
    else registration.registerClient.call(this, client);
  }

  /** aedes would take off whoever holds the client identifier now. */
  unregisterClient(client: Client): void {
    if (this.clients[client.id] === client) registration.unregisterClient.call(this, client);
  }

  /** aedes calls this for each PUBLISH that was authorised, for wills, and for its own `$SYS` messages. */
  override publish(packet: InboundPublish, clientOrDone?: Client | null | Done, done?: Done): void {
    const finish = typeof clientOrDone === "function" ? clientOrDone : done;
    if (packet.withheld || packet.routed) {
      finish?.();
      return;
    }
    this.route(packet);
    // PUBREC follows; it waits until the message is where it survives. What QoS 1 asks for was done before PUBACK.
    const isStored = packet.qos === 2 && (packet.retain || this.#store.keeps(packet.topic));
    if (isStored) this.#store.written(true, (error) => finish?.(error));
    else finish?.();
  }

  /** Retain, queue and send a message, at once. What must survive is in the file after SessionStore.written. */
  route({ topic, payload, qos = 0, retain = false }: Message): void {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    const sequence = ++this.counter;
    if (retain) this.#store.retain(topic, bytes, qos);
    if (qos > 0) this.#store.enqueue(sequence, topic, bytes, qos as 1 | 2);
    const packet = {
      cmd: "publish",
      brokerId: this.id,
      brokerCounter: sequence,
      topic,
      payload: bytes,
      qos,
      retain: false,
      dup: false,
    };
    this.#router.emit(packet);
  }

  /** Send what was queued for a session while its backlog was on its way. */
  sendUnsent(client: Client): void {
    for (const { sequence, topic, payload, qos, messageId } of this.#store.deliveries(client.id)) {
      if (messageId !== undefined) continue;
      const packet = {
        cmd: "publish" as const,
        topic,
        payload,
        qos,
        retain: false,
        dup: false,
        brokerId: queueBroker,
        brokerCounter: sequence,
      };
      client.publish(packet, ignoreClosed);
    }
  }
}

/** Methods that the types of aedes do not name. */
const registration = Aedes.prototype as unknown as Record<
  "registerClient" | "unregisterClient",
  (client: Client) => void
>;

/** A connection that closed meanwhile keeps its deliveries in the session. */
function ignoreClosed(): void {}
