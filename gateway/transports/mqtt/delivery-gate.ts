/**
 * What a client may subscribe to, and what of it is sent to it.
 *
 * aedes delivers a message through the first matching subscription it comes to, whatever the QoS of the others. So all
 * subscriptions are made at QoS 2 inside aedes, and the QoS of each delivery is decided here, as the highest that a
 * matching subscription was granted (MQTT-3.3.5-1).
 */
import type { AedesPublishPacket, Subscription } from "aedes";
import type { TopicRules } from "../../../src/mqtt/topic-rules.ts";
import { sessionMarker } from "./aedes-persistence.ts";
import type { MqttLimits } from "./config.ts";
import type { Connection } from "./connection.ts";
import type { MqttCounters } from "./counters.ts";
import type { SessionStore } from "./session-store.ts";

export interface DeliveryGateOptions {
  readonly rules: TopicRules;
  readonly limits: MqttLimits;
  readonly counters: MqttCounters;
  readonly store: SessionStore;
}

export class DeliveryGate {
  readonly #options: DeliveryGateOptions;

  constructor(options: DeliveryGateOptions) {
    this.#options = options;
  }

  /** aedes' `authorizeSubscribe`, also for each filter of a returning session. @returns null, which becomes 0x80 in the SUBACK, for "denied" */
  subscribe(connection: Connection, subscription: Subscription): Subscription | null {
    const { limits, counters, rules, store } = this.#options;
    const { topic, qos } = subscription;
    if (topic === sessionMarker) return null;
    if (rules.maySubscribe(connection.principal!, topic) && connection.grant(topic, qos, limits.subscriptions)) {
      return { ...subscription, qos: 2 };
    }
    counters.subscriptionsDenied++;
    // The rules may have changed since the session subscribed.
    store.unsubscribe(connection.client.id, topic);
    return null;
  }

  /** aedes' `authorizeForward`. @returns the packet as it is to be sent, or null for "not to this client" */
  forward(connection: Connection, packet: AedesPublishPacket): AedesPublishPacket | null {
    const { rules } = this.#options;
    const { client, principal, cleanSession } = connection;
    const { topic } = packet;
    if (rules.checksDelivery && !rules.mayReceive(principal!, topic)) return null;
    // One from the session's queue; its QoS was settled when it was queued.
    const isQueued = packet.messageId !== undefined;
    if (!isQueued) {
      const granted = connection.grantedQos(topic) ?? 0;
      if (granted < packet.qos) packet.qos = granted;
      // Behind the session's backlog, which is still on its way: it is in the queue, and goes when its turn comes.
      if (packet.qos > 0 && !cleanSession && !connection.live && !packet.retain) return null;
    }
    return client.conn.writableLength > this.#options.limits.sendBufferBytes
      ? this.#overflow(connection, packet)
      : packet;
  }

  /** A subscriber that does not keep up loses what may be lost; what may not costs it the connection. */
  #overflow({ client }: Connection, packet: AedesPublishPacket): null {
    const { counters } = this.#options;
    if (packet.qos === 0) {
      counters.dropped++;
    } else if (!client.conn.destroyed) {
      counters.slowDisconnects++;
      client.conn.destroy();
    }
    return null;
  }
}
