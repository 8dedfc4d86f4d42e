/**
 * How far the broker reads ahead of what is durable: enough of each connection to keep every stage of ingest busy, and
 * nothing at all while ingest holds as much as it may. What is not read waits in the sender's socket, so that it slows
 * down instead of losing anything.
 */
import type { IngestPort } from "../../../src/ingest/upload.ts";
import { readWhile } from "./aedes-internals.ts";
import type { Connection } from "./connection.ts";

/** Packets of one connection that may be read and not done, and still it is read on. */
const unsettledPackets = 256;

export class ReadAhead {
  readonly #ingest: IngestPort;
  /** Connections that ingest had no room for, oldest first. */
  readonly #waiting = new Set<() => void>();

  constructor(ingest: IngestPort) {
    this.#ingest = ingest;
    ingest.onRoom(() => this.#readOn());
  }

  follow(connection: Connection): void {
    const { client } = connection;
    const readOn = readWhile(client, (unsettled) => {
      if (unsettled >= unsettledPackets || connection.isDelayed) return false;
      // What follows CONNECT waits for its answer.
      if (unsettled > 0 && !client.connackSent) return false;
      if (this.#ingest.hasRoom) return true;
      this.#waiting.add(readOn);
      return false;
    });
    client.conn.once("close", () => this.#waiting.delete(readOn));
  }

  #readOn(): void {
    for (const readOn of [...this.#waiting]) {
      if (!this.#ingest.hasRoom) return;
      this.#waiting.delete(readOn);
      readOn();
    }
  }
}
