import { type AddressInfo, createServer } from "node:net";
import { Aedes } from "aedes";

/** aedes as it comes, on a free loopback port: the limit that `bench ingest` compares the gateway's broker with. */
export async function startBareAedes(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const broker = await Aedes.createBroker();
  const server = createServer({ noDelay: true }, (socket) => void broker.handle(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => broker.close(resolve));
      await closed;
    },
  };
}
