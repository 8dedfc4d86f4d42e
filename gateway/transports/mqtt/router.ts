/**
 * The `mq` of aedes: who is subscribed to what among the connected clients. Unlike mqemitter it does not wait for
 * subscribers: a message is handed to each of them and the publisher goes on. What a subscriber does not take piles up
 * in its own socket's buffer, which Broker bounds.
 */
import { TopicTree } from "../../../src/mqtt/topic-tree.ts";

interface Routed {
  readonly topic: string;
}

type Listener = (packet: Routed, done: () => void) => void;

export class Router {
  readonly #listeners = new TopicTree<Listener>();
  #version = 0;

  /** Changes whenever the answer of `reaches` may. */
  get version(): number {
    return this.#version;
  }

  reaches(topic: string): boolean {
    return this.#listeners.match(topic).length > 0;
  }

  on(filter: string, listener: Listener, done?: () => void): this {
    this.#listeners.add(filter, listener);
    this.#version++;
    done?.();
    return this;
  }

  removeListener(filter: string, listener: Listener, done?: () => void): this {
    this.#listeners.remove(filter, listener);
    this.#version++;
    done?.();
    return this;
  }

  emit(packet: Routed): void {
    for (const listener of this.#listeners.match(packet.topic)) listener(packet, ignore);
  }

  close(done: () => void): void {
    setImmediate(done);
  }
}

function ignore(): void {}
