/** One `COPY … FROM STDIN` on a pg connection, of messages that a CopyBuffer has prepared. */
import type { Client, Connection, Submittable } from "pg";

/** The side of pg's connection that its types leave out. */
interface CopyConnection extends Connection {
  query(text: string): void;
  endCopyFrom(): void;
}

/** @returns rows copied. @throws what the server or the connection reports; the transaction is lost then */
export function copyIn(client: Client, statement: string, messages: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let rows = 0;
    const submittable: Submittable & Record<string, unknown> = {
      submit(connection: Connection): void {
        (connection as CopyConnection).query(statement);
      },
      handleCopyInResponse(connection: CopyConnection): void {
        connection.stream.write(messages);
        connection.endCopyFrom();
      },
      handleCommandComplete(message: { text: string }): void {
        rows = Number(message.text.split(" ")[1]);
      },
      handleReadyForQuery(): void {
        resolve(rows);
      },
      handleError(error: Error): void {
        reject(error);
      },
    };
    client.query(submittable);
  });
}
