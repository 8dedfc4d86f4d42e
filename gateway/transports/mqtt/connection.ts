/** What the broker knows of one connection: who it is, what it may do, what it was granted, what it still waits for. */
import type { PeerCertificate } from "node:tls";
import type { Transport } from "../../../src/ingest/upload.ts";
import type { Qos } from "../../../src/mqtt/session-state.ts";
import { TokenBucket } from "../../../src/mqtt/token-bucket.ts";
import type { RuleClient } from "../../../src/mqtt/topic-rules.ts";
import { filterMatches, type Levels } from "../../../src/mqtt/topics.ts";
import type { AedesClient } from "./aedes-internals.ts";
import { CompletionOrder } from "./completion-order.ts";
import type { PublishVerdict } from "./publish-verdict.ts";

export interface Principal extends RuleClient {
  /** User name or device id; empty for an anonymous client. */
  readonly name: string;
}

export interface ConnectionOptions {
  readonly transport: Transport;
  /** Of a TLS client whose certificate was verified. */
  readonly certificate: PeerCertificate | undefined;
  readonly messagesPerSecond: number;
}

/** Topics remembered per connection; a client that uses more pays for looking them up again. */
const rememberedTopics = 256;

export class Connection {
  readonly client: AedesClient;
  readonly transport: Transport;
  readonly certificate: PeerCertificate | undefined;
  /** Of its CONNECT. */
  cleanSession = true;
  requested: { readonly clientId: string; readonly willTopic: string | undefined } | undefined;
  /** Set once CONNECT was accepted. */
  principal: Principal | undefined;
  /** False while the session's backlog is on its way: its new messages wait their turn in the queue. */
  live = false;
  readonly order = new CompletionOrder();
  readonly #bucket: TokenBucket;
  readonly #verdicts = new Map<string, PublishVerdict>();
  readonly #grants = new Map<string, { readonly levels: Levels; readonly qos: Qos }>();
  readonly #grantByTopic = new Map<string, Qos | undefined>();
  #delayed: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(client: AedesClient, { transport, certificate, messagesPerSecond }: ConnectionOptions) {
    this.client = client;
    this.transport = transport;
    this.certificate = certificate;
    this.#bucket = new TokenBucket(messagesPerSecond, performance.now());
  }

  /**
   * Run now, or when the client's message rate allows. Nothing more is read of the client while a PUBLISH is delayed: so
   * an eager client is slowed down, and nothing of it is lost.
   * @returns false where it has to wait
   */
  paced(work: () => void): boolean {
    if (this.#delayed.length === 0 && this.#bucket.take(performance.now())) {
      work();
      return true;
    }
    this.#delayed.push(work);
    this.#timer ??= setTimeout(() => this.#resume(), this.#bucket.waitMs(performance.now()));
    return false;
  }

  get isDelayed(): boolean {
    return this.#delayed.length > 0;
  }

  get isClosed(): boolean {
    return this.client.closed;
  }

  verdict(topic: string, decide: () => PublishVerdict): PublishVerdict {
    const known = this.#verdicts.get(topic);
    if (known) return known;
    if (this.#verdicts.size >= rememberedTopics) this.#verdicts.clear();
    const verdict = decide();
    this.#verdicts.set(topic, verdict);
    return verdict;
  }

  /** @returns false where the client has `limit` other subscriptions already */
  grant(filter: string, qos: Qos, limit: number): boolean {
    if (this.#grants.size >= limit && !this.#grants.has(filter)) return false;
    this.#grants.set(filter, { levels: filter.split("/"), qos });
    this.#grantByTopic.clear();
    return true;
  }

  isGranted(filter: string): boolean {
    return this.#grants.has(filter);
  }

  revoke(filters: readonly string[]): void {
    for (const filter of filters) this.#grants.delete(filter);
    this.#grantByTopic.clear();
  }

  /** Highest QoS of the subscriptions that match (MQTT-3.3.5-1); undefined where none does. */
  grantedQos(topic: string): Qos | undefined {
    if (this.#grantByTopic.has(topic)) return this.#grantByTopic.get(topic);
    const levels = topic.split("/");
    let highest: Qos | undefined;
    for (const { levels: filter, qos } of this.#grants.values()) {
      if ((highest === undefined || qos > highest) && filterMatches(filter, levels)) highest = qos;
    }
    if (this.#grantByTopic.size >= rememberedTopics) this.#grantByTopic.clear();
    this.#grantByTopic.set(topic, highest);
    return highest;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#delayed = [];
  }

  #resume(): void {
    this.#timer = undefined;
    // We have not read its pings meanwhile, so its silence is ours.
    this.client._keepaliveTimer?.refresh();
    const delayed = this.#delayed;
    this.#delayed = [];
    for (const work of delayed) this.paced(work);
  }
}
