/**
 * How far the broker reads ahead of what is durable: enough of each connection to keep every stage of ingest busy, and
 * nothing at all while ingest holds as much as it may. What is not read waits in the sender's socket, so that it slows
 * down instead of losing anything.
 */
import type { IngestPort } from "../../../src/ingest/upload.ts";
import { takeOverReading } from "./aedes-internals.ts";
import type { Connection } from "./connection.ts";
import { ReadPause } from "./read-pause.ts";

/** Packets of one connection that may be read and not done, and still it is read on. */
const unsettledPackets = 256;

export class ReadAhead {
  readonly #ingest: IngestPort;
  readonly #pause = new ReadPause<Reader>((reader) => reader.read());
  /** Connections that ingest had no room for, oldest first. */
  readonly #waiting = new Set<Reader>();

  constructor(ingest: IngestPort) {
    this.#ingest = ingest;
    ingest.onRoom(() => this.#readOn());
  }

  follow(connection: Connection): void {
    const reader: Reader = new Reader(connection, {
      onReadable: () => this.#pause.ready(reader),
      hasRoom: () => {
        if (!this.#ingest.hasRoom) this.#waiting.add(reader);
        return this.#ingest.hasRoom;
      },
    });
    connection.client.conn.once("close", () => {
      this.#waiting.delete(reader);
      this.#pause.remove(reader);
    });
  }

  #readOn(): void {
    for (const reader of [...this.#waiting]) {
      if (!this.#ingest.hasRoom) return;
      this.#waiting.delete(reader);
      this.#pause.ready(reader);
    }
  }
}

interface ReaderOptions {
  /** There is something to read, or what held the connection up may be over. */
  readonly onReadable: () => void;
  /** Whether ingest has; if not, `read` is called when it has. */
  readonly hasRoom: () => boolean;
}

/** One connection's socket. */
class Reader {
  readonly #connection: Connection;
  readonly #hasRoom: () => boolean;
  readonly #readChunk: () => boolean;
  #isReading = false;
  #isHeldUp = false;

  constructor(connection: Connection, { onReadable, hasRoom }: ReaderOptions) {
    this.#connection = connection;
    this.#hasRoom = hasRoom;
    this.#readChunk = takeOverReading(connection.client, {
      onReadable,
      onDone: () => {
        if (this.#isHeldUp) onReadable();
      },
    });
  }

  /** Read on, as far as this connection may. @returns packets that came and are not done */
  read(): number {
    // A packet that is done at once comes back here while its chunk is still being parsed.
    if (this.#isReading) return 0;
    this.#isReading = true;
    const before = this.#connection.client._parsingBatch;
    do this.#isHeldUp = !this.#mayRead();
    while (!this.#isHeldUp && this.#readChunk());
    this.#isReading = false;
    return this.#connection.client._parsingBatch - before;
  }

  #mayRead(): boolean {
    const { client, isDelayed } = this.#connection;
    const unsettled = client._parsingBatch;
    if (unsettled >= unsettledPackets || isDelayed) return false;
    // What follows CONNECT waits for its answer.
    if (unsettled > 0 && !client.connackSent) return false;
    return this.#hasRoom();
  }
}
